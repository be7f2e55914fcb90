"""The SageMaker SDK by itself, either generation: fit with its log, attach, metrics, deploy, predict, update, transform.

The SDK sleeps 5 to 30 seconds between two looks at a job or an endpoint; here it only naps."""

import gzip
import json
import time
import uuid

import boto3
import pytest

sagemaker = pytest.importorskip("sagemaker", reason="needs the SageMaker SDK of requirements-v1 or -v2")

from sagemaker.analytics import TrainingJobAnalytics  # noqa: E402
from sagemaker.estimator import Estimator  # noqa: E402

V1 = sagemaker.__version__.startswith("1.")
REGION = "us-east-1"


@pytest.fixture(autouse=True)
def naps(monkeypatch):
    """The SDK's own pauses, cut short; everything else of it is as it comes."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.3)))


@pytest.fixture(scope="module")
def session(server):
    return sagemaker.Session()


@pytest.fixture(scope="module")
def data(session, dataset):
    folder, _ = dataset
    bucket = session.default_bucket()
    uris = {channel: session.upload_data(str(folder / name), bucket=bucket, key_prefix="direct")
            for channel, name in (("train", "Train.csv"), ("validation", "test_data.csv"))}
    if V1:
        return {channel: sagemaker.s3_input(s3_data=uri, content_type="text/csv") for channel, uri in uris.items()}
    from sagemaker.inputs import TrainingInput

    return {channel: TrainingInput(s3_data=uri, content_type="text/csv") for channel, uri in uris.items()}


def new_estimator(session, **hyperparameters):
    bucket = session.default_bucket()
    if V1:
        from sagemaker.amazon.amazon_estimator import get_image_uri

        image = get_image_uri(REGION, "xgboost", "1.0-1")
        sizes = {"train_instance_count": 1, "train_instance_type": "ml.m5.large"}
    else:
        image = sagemaker.image_uris.retrieve("xgboost", REGION, version="1.7-1")
        sizes = {"instance_count": 1, "instance_type": "ml.m5.large"}
    estimator = Estimator(image, sagemaker.get_execution_role(), output_path=f"s3://{bucket}/direct/output",
                          sagemaker_session=session, **sizes)
    estimator.set_hyperparameters(**{"objective": "reg:squarederror", "num_round": 20, **hyperparameters})
    return estimator


@pytest.fixture(scope="module")
def fitted(session, data):
    estimator = new_estimator(session)
    with pytest.MonkeyPatch.context() as patch:
        sleep = time.sleep
        patch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.3)))
        estimator.fit(data, logs=False)
    return estimator


def name_of(estimator):
    return estimator.latest_training_job.name


def test_fit_shows_the_jobs_log(session, data, capsys):
    estimator = new_estimator(session, num_round=7)
    estimator.fit(data)
    shown = capsys.readouterr().out
    assert "Training job completed" in shown or "Completed" in shown
    assert "[6]" in shown and "validation-rmse" in shown
    assert "Training seconds:" in shown and "Billable seconds:" in shown


def test_fit_raises_what_went_wrong(session, data):
    estimator = new_estimator(session, objective="reg:no_such_objective")
    with pytest.raises(Exception) as raised:
        estimator.fit(data, logs=False)
    assert "Failed" in str(raised.value) and "no_such_objective" in str(raised.value)


def test_attach(session, fitted, capsys):
    attached = Estimator.attach(name_of(fitted), sagemaker_session=session)
    assert name_of(attached) == name_of(fitted)
    assert attached.model_data == fitted.model_data
    assert {name: str(value).strip('"') for name, value in attached.hyperparameters().items()} == {
        "objective": "reg:squarederror", "num_round": "20"}


def test_metrics(session, fitted):
    # Which metrics there are it reads from the job's description.
    frame = TrainingJobAnalytics(name_of(fitted), sagemaker_session=session).dataframe()
    assert set(frame["metric_name"]) == {"train:rmse", "validation:rmse"}
    told = {metric["MetricName"]: metric["Value"]
            for metric in boto3.client("sagemaker").describe_training_job(TrainingJobName=name_of(fitted))["FinalMetricDataList"]}
    assert 0 < told["train:rmse"] < told["validation:rmse"]
    assert frame["value"].min() > 0


def csv_predictor_of(estimator):
    if V1:
        from sagemaker.predictor import csv_serializer

        predictor = estimator.deploy(1, "ml.m5.large")
        predictor.content_type, predictor.serializer = "text/csv", csv_serializer
        return predictor
    from sagemaker.serializers import CSVSerializer

    return estimator.deploy(1, "ml.m5.large", serializer=CSVSerializer())


def numbers(answer):
    return [float(cell) for cell in answer.decode().replace("\n", ",").split(",") if cell]


def error(rows, guesses):
    return (sum((float(row[0]) - guess) ** 2 for row, guess in zip(rows, guesses)) / len(rows)) ** 0.5


def test_deploy_predict_update_and_delete(session, data, dataset, fitted):
    _, held_out = dataset
    rows = held_out[:200]
    features = [[float(cell) for cell in row[1:]] for row in rows]
    predictor = csv_predictor_of(fitted)
    before = numbers(predictor.predict(features))
    mean = sum(float(row[0]) for row in rows) / len(rows)
    assert len(before) == 200 and error(rows, before) < error(rows, [mean] * 200) / 2

    client = boto3.client("sagemaker")
    endpoint = predictor.endpoint if V1 else predictor.endpoint_name
    first = client.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    if not V1:
        other = new_estimator(session, num_round=2)
        other.fit(data, logs=False)
        model = f"other-{uuid.uuid4().hex[:8]}"
        session.create_model(model, other.role, {"Image": other.image_uri, "ModelDataUrl": other.model_data})
        predictor.update_endpoint(initial_instance_count=1, instance_type="ml.m5.large", model_name=model)
        assert client.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"] != first
        assert error(rows, numbers(predictor.predict(features))) > error(rows, before)
        client.delete_endpoint_config(EndpointConfigName=first)

    predictor.delete_model()
    predictor.delete_endpoint()
    with pytest.raises(client.exceptions.ClientError, match="Could not find endpoint"):
        client.describe_endpoint(EndpointName=endpoint)


def test_traffic_is_shared_anew(session, fitted, dataset):
    client, runtime = boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
    name = f"shared-{uuid.uuid4().hex[:8]}"
    session.create_model(name, fitted.role, {"Image": fitted.image_uri if not V1 else fitted.image_name,
                                             "ModelDataUrl": fitted.model_data})
    variant = {"ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[
        {**variant, "VariantName": "old", "InitialVariantWeight": 1},
        {**variant, "VariantName": "new", "InitialVariantWeight": 0}])
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    client.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    row = ",".join(map(str, dataset[1][0][1:]))

    def who_answers():
        answers = [runtime.invoke_endpoint(EndpointName=name, Body=row, ContentType="text/csv") for _ in range(4)]
        return {answer["InvokedProductionVariant"] for answer in answers}

    def share(**desired):
        return client.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[
                {"VariantName": variant, "DesiredWeight": weight} for variant, weight in desired.items()])

    assert who_answers() == {"old"}
    assert share(old=0, new=3)["EndpointArn"].endswith(name)
    client.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    assert who_answers() == {"new"}
    variants = client.describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert [(one["VariantName"], one["DesiredWeight"]) for one in variants] == [("old", 0), ("new", 3)]
    with pytest.raises(client.exceptions.ClientError, match='Could not find variant "newest"'):
        share(newest=1)
    with pytest.raises(client.exceptions.ClientError, match="weight greater than 0"):
        share(new=0)
    client.delete_endpoint(EndpointName=name)


def test_json_answers(session, fitted, dataset):
    if V1:
        pytest.skip("the first generation has no JSON serializer of its own for this image")
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.serializers import CSVSerializer

    _, held_out = dataset
    predictor = fitted.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=JSONDeserializer())
    answer = predictor.predict([[float(cell) for cell in row[1:]] for row in held_out[:3]])
    assert len(answer["predictions"]) == 3 and all(guess["score"] for guess in answer["predictions"])
    predictor.delete_endpoint()


def test_transform(session, fitted, dataset, tmp_path, capsys):
    _, held_out = dataset
    (tmp_path / "rows.csv").write_text("".join(",".join(map(str, row[1:])) + "\n" for row in held_out[:300]))
    bucket = session.default_bucket()
    uri = session.upload_data(str(tmp_path / "rows.csv"), bucket=bucket, key_prefix=f"direct/{uuid.uuid4().hex[:8]}")
    output = f"s3://{bucket}/direct/transformed/{uuid.uuid4().hex[:8]}"
    transformer = fitted.transformer(1, "ml.m5.large", output_path=output, assemble_with="Line", accept="text/csv")
    if V1:
        transformer.transform(uri, content_type="text/csv", split_type="Line")
        transformer.wait()
    else:
        transformer.transform(uri, content_type="text/csv", split_type="Line", wait=True, logs=False)
    key = output.split("/", 3)[3] + "/rows.csv.out"
    answers = numbers(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert len(answers) == 300 and error(held_out[:300], answers) < 120

    if V1:
        return
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "rows.csv").read_bytes()))
    uri = session.upload_data(str(packed), bucket=bucket, key_prefix=f"direct/{uuid.uuid4().hex[:8]}")
    transformer.transform(uri, content_type="text/csv", split_type="Line", compression_type="Gzip", wait=True, logs=False)
    key = output.split("/", 3)[3] + "/packed.csv.gz.out"
    assert numbers(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()) == answers


def test_stop(session, data):
    estimator = new_estimator(session, num_round=1_000_000)
    estimator.fit(data, wait=False)
    client = boto3.client("sagemaker")
    client.stop_training_job(TrainingJobName=name_of(estimator))
    deadline = time.monotonic() + 30
    while (told := client.describe_training_job(TrainingJobName=name_of(estimator)))["TrainingJobStatus"] in (
        "InProgress", "Stopping"):
        assert time.monotonic() < deadline, json.dumps(told, default=str)
        time.sleep(0.2)
    assert told["TrainingJobStatus"] == "Stopped"
