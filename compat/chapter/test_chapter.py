"""The chapter, in its order, with either generation of the SDKs and neither of them patched.

The calls and what is read of their answers: the Data Science SDK's workflow of training, model,
endpoint configuration and endpoint; then the same again with another data set."""

import json
import time
import uuid

import boto3
import pytest

sagemaker = pytest.importorskip("sagemaker", reason="needs the SageMaker SDK of requirements-v1 or -v2")
stepfunctions = pytest.importorskip("stepfunctions", reason="needs the Data Science SDK")

from sagemaker.estimator import Estimator  # noqa: E402
from stepfunctions import steps  # noqa: E402
from stepfunctions.inputs import ExecutionInput  # noqa: E402
from stepfunctions.workflow import Workflow  # noqa: E402

V1 = sagemaker.__version__.startswith("1.")
REGION = "us-east-1"
HYPERPARAMETERS = {"objective": "reg:squarederror", "num_round": "60", "max_depth": "5", "eta": "0.2"}


def training_input(uri):
    if V1:
        return sagemaker.s3_input(s3_data=uri, content_type="text/csv")
    from sagemaker.inputs import TrainingInput

    return TrainingInput(s3_data=uri, content_type="text/csv")


def image():
    if V1:
        from sagemaker.amazon.amazon_estimator import get_image_uri

        return get_image_uri(REGION, "xgboost", "1.0-1")
    return sagemaker.image_uris.retrieve("xgboost", REGION, version="1.7-1")


def estimator(role, session, bucket, hyperparameters):
    output = f"s3://{bucket}/output"
    if V1:
        made = Estimator(image(), role, train_instance_count=1, train_instance_type="ml.m4.xlarge",
                         output_path=output, sagemaker_session=session)
    else:
        made = Estimator(image(), role, instance_count=1, instance_type="ml.m4.xlarge",
                         output_path=output, sagemaker_session=session)
    made.set_hyperparameters(**hyperparameters)
    return made


def names():
    tail = uuid.uuid4().hex[:8]
    return {"JobName": f"job-{tail}", "ModelName": f"model-{tail}", "EndpointName": f"endpoint-{tail}"}


class Chapter:
    """What the chapter's notebook holds: the prelude, then the steps chained into a workflow."""

    def __init__(self, server, dataset, hyperparameters=HYPERPARAMETERS, name=None, update=False):
        folder, self.held_out = dataset
        self.session = sagemaker.Session()
        self.role = sagemaker.get_execution_role()
        self.bucket = self.session.default_bucket()
        self.train = self.session.upload_data(str(folder / "Train.csv"), bucket=self.bucket, key_prefix="data")
        self.validation = self.session.upload_data(str(folder / "test_data.csv"), bucket=self.bucket, key_prefix="data")
        self.input = ExecutionInput(schema={"JobName": str, "ModelName": str, "EndpointName": str})
        self.estimator = estimator(self.role, self.session, self.bucket, hyperparameters)
        train_step = steps.TrainingStep(
            "Train Step",
            estimator=self.estimator,
            data={"train": training_input(self.train), "validation": training_input(self.validation)},
            job_name=self.input["JobName"],
        )
        model_step = steps.ModelStep(
            "Save model", model=train_step.get_expected_model(), model_name=self.input["ModelName"]
        )
        config_step = steps.EndpointConfigStep(
            "Create Endpoint Config",
            endpoint_config_name=self.input["ModelName"],
            model_name=self.input["ModelName"],
            initial_instance_count=1,
            instance_type="ml.m4.xlarge",
        )
        endpoint_step = steps.EndpointStep(
            "Update Endpoint" if update else "Create Endpoint",
            endpoint_name=self.input["EndpointName"],
            endpoint_config_name=self.input["ModelName"],
            update=update,
        )
        self.workflow = Workflow(
            name=name or f"MyTrainTransformDeploy-{uuid.uuid4().hex[:8]}",
            definition=steps.Chain([train_step, model_step, config_step, endpoint_step]),
            role=self.role,
            execution_input=self.input,
        )


def wait(execution):
    """The notebook's reader looks again and again; so do we, with an end."""
    deadline = time.monotonic() + 120
    while (description := execution.describe())["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the execution does not end"
        time.sleep(0.1)
    return description


def in_service(endpoint):
    client = boto3.client("sagemaker")
    deadline = time.monotonic() + 60
    while (description := client.describe_endpoint(EndpointName=endpoint))["EndpointStatus"] in ("Creating", "Updating"):
        assert time.monotonic() < deadline, description
        time.sleep(0.1)
    assert description["EndpointStatus"] == "InService", description
    return description


def predict(endpoint, rows):
    body = "\n".join(",".join(map(str, row[1:])) for row in rows)
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, ContentType="text/csv", Body=body
    )
    text = answer["Body"].read().decode()
    return [float(value) for value in text.replace("\n", ",").split(",") if value]


def traffic(endpoint):
    """What CloudWatch counts of an endpoint: sums of the last hour, by metric."""
    client = boto3.client("cloudwatch")
    listed = client.list_metrics(
        Namespace="AWS/SageMaker", Dimensions=[{"Name": "EndpointName", "Value": endpoint}]
    )["Metrics"]
    now = time.time()
    counted = {}
    for metric in listed:
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        assert dimensions == {"EndpointName": endpoint, "VariantName": "AllTraffic"}
        points = client.get_metric_statistics(
            **metric, StartTime=now - 1800, EndTime=now + 1800, Period=3600, Statistics=["Sum", "SampleCount"]
        )["Datapoints"]
        assert len(points) == 1
        counted[metric["MetricName"]] = {name: points[0][name] for name in ("Sum", "SampleCount", "Unit")}
    return counted


def error(rows, predictions):
    return (sum((float(row[0]) - guess) ** 2 for row, guess in zip(rows, predictions)) / len(rows)) ** 0.5


def test_the_chapter_in_its_order(server, dataset, capsys):
    chapter = Chapter(server, dataset)
    assert chapter.role == "arn:aws:iam::000000000000:role/stepwell"
    workflow = chapter.workflow

    graph = workflow.render_graph()
    assert "Train Step" in graph.data

    arn = workflow.create()
    assert arn == workflow.state_machine_arn
    assert workflow.create() == arn
    assert any(listed["stateMachineArn"] == arn for listed in Workflow.list_workflows())

    inputs = names()
    execution = workflow.execute(inputs=inputs)
    progress = execution.render_progress()
    assert "Save model" in progress.data
    description = wait(execution)
    assert description["status"] == "SUCCEEDED", description
    assert json.loads(description["input"]) == inputs == execution.get_input()
    output = execution.get_output(wait=True)
    assert output["EndpointArn"] == f"arn:aws:sagemaker:{REGION}:000000000000:endpoint/{inputs['EndpointName']}"

    events = boto3.client("stepfunctions").get_execution_history(executionArn=execution.execution_arn)["events"]
    assert len(events) == 23 and [event["id"] for event in events] == list(range(1, 24))
    assert [event["type"] for event in events[:7]] == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded",
        "TaskStateExited",
    ]
    assert len(execution.list_events()) == 23
    assert [listed.execution_arn for listed in workflow.list_executions()] == [execution.execution_arn]
    attached = Workflow.attach(arn)
    assert attached.name == workflow.name and attached.role == workflow.role

    client = boto3.client("sagemaker")
    job = client.describe_training_job(TrainingJobName=inputs["JobName"])
    assert job["TrainingJobStatus"] == "Completed" and job["SecondaryStatus"] == "Completed"
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == f"s3://{chapter.bucket}/output/{inputs['JobName']}/output/model.tar.gz"
    assert client.describe_model(ModelName=inputs["ModelName"])["PrimaryContainer"]["ModelDataUrl"] == artifact
    key = artifact.split("/", 3)[3]
    assert boto3.client("s3").get_object(Bucket=chapter.bucket, Key=key)["Body"].read()[:2] == b"\x1f\x8b"
    metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert set(metrics) == {"train:rmse", "validation:rmse"}

    logs = boto3.client("logs")
    streams = logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=inputs["JobName"] + "/"
    )["logStreams"]
    lines = [
        event["message"]
        for event in logs.get_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=streams[0]["logStreamName"], startFromHead=True
        )["events"]
    ]
    assert sum("#011validation-rmse:" in line for line in lines) == 60

    in_service(inputs["EndpointName"])
    predictions = predict(inputs["EndpointName"], chapter.held_out)
    assert len(predictions) == len(chapter.held_out)
    # The model really learned: its own validation metric is what its endpoint gives.
    assert abs(error(chapter.held_out, predictions) - metrics["validation:rmse"]) < 0.01
    constant = [sum(float(row[0]) for row in chapter.held_out) / len(chapter.held_out)] * len(chapter.held_out)
    assert error(chapter.held_out, predictions) < error(chapter.held_out, constant) / 2

    runtime = boto3.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as refused:
        runtime.invoke_endpoint(EndpointName=inputs["EndpointName"], ContentType="text/csv", Body="no number")
    assert 400 <= refused.value.response["OriginalStatusCode"] < 500
    counted = traffic(inputs["EndpointName"])
    assert counted["Invocations"] == {"Sum": 2, "SampleCount": 2, "Unit": "None"}
    assert counted["Invocation4XXErrors"] == {"Sum": 1, "SampleCount": 2, "Unit": "None"}
    assert counted["Invocation5XXErrors"] == {"Sum": 0, "SampleCount": 2, "Unit": "None"}
    for latency in ("ModelLatency", "OverheadLatency"):
        assert counted[latency]["SampleCount"] == 2 and counted[latency]["Unit"] == "Microseconds"
    assert counted["ModelLatency"]["Sum"] > 0

    client.delete_endpoint(EndpointName=inputs["EndpointName"])
    client.delete_endpoint_config(EndpointConfigName=inputs["ModelName"])
    client.delete_model(ModelName=inputs["ModelName"])
    workflow.delete()
    gone = boto3.client("stepfunctions")
    with pytest.raises(gone.exceptions.StateMachineDoesNotExist):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            gone.describe_state_machine(stateMachineArn=arn)
            time.sleep(0.1)


def test_without_num_round_train_step_fails_with_the_contracts_message(server, dataset):
    wanting = {name: value for name, value in HYPERPARAMETERS.items() if name != "num_round"}
    chapter = Chapter(server, dataset, wanting)
    chapter.workflow.create()
    description = wait(chapter.workflow.execute(inputs=names()))
    assert description["status"] == "FAILED"
    assert description["error"] == "States.TaskFailed"
    reason = json.loads(description["cause"])["FailureReason"]
    assert "Missing required hyperparameter: num_round" in reason, reason


def test_only_the_data_set_changes(server, dataset, tmp_path):
    chapter = Chapter(server, dataset)
    chapter.workflow.create()
    first, second = names(), names()
    assert wait(chapter.workflow.execute(inputs=first))["status"] == "SUCCEEDED"
    in_service(first["EndpointName"])
    some = chapter.held_out[:50]
    before = predict(first["EndpointName"], some)

    # The same keys, other rows: twice as many riders.
    (tmp_path / "Train.csv").write_text(
        "".join(f"{2 * int(row[0])},{','.join(map(str, row[1:]))}\n" for row in chapter.held_out)
    )
    chapter.session.upload_data(str(tmp_path / "Train.csv"), bucket=chapter.bucket, key_prefix="data")
    assert wait(chapter.workflow.execute(inputs=second))["status"] == "SUCCEEDED"
    in_service(second["EndpointName"])
    after = predict(second["EndpointName"], some)
    assert sum(after) > 1.5 * sum(before)
    assert predict(first["EndpointName"], some) == before

    # A name used twice: AWS's error.
    description = wait(chapter.workflow.execute(inputs=first))
    assert description["status"] == "FAILED"
    assert description["error"] == "SageMaker.ResourceInUseException", description
    assert "already exists" in description["cause"]


def test_an_endpoint_is_updated_without_a_failed_request(server, dataset):
    chapter = Chapter(server, dataset)
    chapter.workflow.create()
    first = names()
    assert wait(chapter.workflow.execute(inputs=first))["status"] == "SUCCEEDED"
    in_service(first["EndpointName"])
    some = chapter.held_out[:20]
    before = predict(first["EndpointName"], some)

    other = Chapter(server, dataset, {**HYPERPARAMETERS, "num_round": "5"}, update=True)
    other.workflow.create()
    second = {**names(), "EndpointName": first["EndpointName"]}
    execution = other.workflow.execute(inputs=second)
    answers = []
    while execution.describe()["status"] == "RUNNING":
        answers.append(predict(first["EndpointName"], some))
    assert execution.describe()["status"] == "SUCCEEDED", execution.describe()
    deadline = time.monotonic() + 30
    while boto3.client("sagemaker").describe_endpoint(EndpointName=first["EndpointName"])["EndpointStatus"] == "Updating":
        assert time.monotonic() < deadline
        answers.append(predict(first["EndpointName"], some))
    after = predict(first["EndpointName"], some)
    assert after != before
    assert all(answer in (before, after) for answer in answers)
    config = boto3.client("sagemaker").describe_endpoint(EndpointName=first["EndpointName"])["EndpointConfigName"]
    assert config == second["ModelName"]
