"""What is wrong is refused in AWS's words or told in a FailureReason, and the server goes on."""

import io
import json
import tarfile
import urllib.error
import urllib.request
import uuid

import pytest
from botocore.exceptions import ClientError

from conftest import Server
from pipeline import BUCKET, IMAGE, ROLE, Clients, processes, start, task, training_job, until, variant


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("bad") / "data")
    clients = start(server, "--jobs", "2")
    yield server, clients
    # Whatever it was told, it is the same process, and goes when it is asked to.
    assert server.process.poll() is None
    server.stop()
    assert not processes(server.data)


@pytest.fixture(scope="module")
def artifact(live):
    return live[1].trained()


def name():
    return f"bad-{uuid.uuid4().hex[:8]}"


def refused(call, code, *parts):
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    assert answer["Error"]["Code"] == code, answer
    for part in parts:
        assert part in answer["Error"]["Message"], answer
    return answer


def failed(clients, execution, error):
    description = clients.ended(execution)
    assert (description["status"], description["error"]) == ("FAILED", error), description
    return description["cause"]


# Definitions.

@pytest.mark.parametrize(("definition", "parts"), [
    ({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}, ["MISSING_TRANSITION_TARGET", "Nowhere"]),
    ({"StartAt": "Nowhere", "States": {"A": {"Type": "Pass", "End": True}}}, ["MISSING_TRANSITION_TARGET", "Nowhere"]),
    ({"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": "$..[", "End": True}}}, ["InputPath"]),
    ({"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"x.$": "not a path"}, "End": True}}}, ["x.$"]),
    ({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "nonsense", "End": True}}}, ["Resource"]),
    ("{\"StartAt\": ", ["INVALID_JSON_DESCRIPTION"]),
])
def test_a_definition_that_is_none(live, definition, parts):
    refused(lambda: live[1].machine(name(), definition), "InvalidDefinition", *parts)


def test_a_path_that_leads_nowhere_fails_the_execution(live):
    clients = live[1]
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": "$.nowhere", "End": True}}}
    cause = failed(clients, clients.run(name(), definition), "States.Runtime")
    assert "'$.nowhere'" in cause


def test_input_that_is_no_json(live):
    clients = live[1]
    machine = clients.machine(name(), {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    refused(lambda: clients.states.start_execution(stateMachineArn=machine, input="{nonsense"), "InvalidExecutionInput")


@pytest.mark.parametrize(("body", "code"), [
    (b"{nonsense", "SerializationException"), (b"[]", "SerializationException"), (b"\xff\xfe", "SerializationException"),
    (b'{"TrainingJobName": 7}', "SerializationException"), (b"{}", "ValidationException"),
])
def test_a_request_that_is_none(live, body, code):
    request = urllib.request.Request(live[0].url, data=body, headers={
        "X-Amz-Target": "SageMaker.DescribeTrainingJob", "Content-Type": "application/x-amz-json-1.1"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == 400
    assert code in json.loads(caught.value.read())["__type"]


# Training.

def test_an_unknown_image_fails_the_task_and_can_be_caught(live):
    clients = live[1]
    job = training_job(name())
    job["AlgorithmSpecification"] = {"TrainingImage": "not_an_image", "TrainingInputMode": "File"}
    refused(lambda: clients.sagemaker.create_training_job(**job), "ValidationException", "Invalid image URI not_an_image")
    # As the Data Science SDK's own tests have it: States.TaskFailed catches it, and Retry tries it again.
    state = task("sagemaker:createTrainingJob.sync", job, Next="Never", Retry=[
        {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0},
    ], Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}])
    definition = {"StartAt": "Train", "States": {"Train": state, "Never": {"Type": "Fail"}, "Caught": {"Type": "Pass", "End": True}}}
    execution = clients.run(name(), definition)
    description = clients.ended(execution)
    assert description["status"] == "SUCCEEDED", description
    caught = json.loads(description["output"])
    assert caught["Error"] == "SageMaker.AmazonSageMakerException"
    assert "Error Code: ValidationException" in caught["Cause"] and "not_an_image" in caught["Cause"]
    kinds = [event["type"] for event in clients.history(execution)]
    assert kinds.count("TaskSubmitFailed") == kinds.count("TaskScheduled") == 2
    # An image of ECR that is not built in is refused as clearly.
    job["AlgorithmSpecification"]["TrainingImage"] = "382416733822.dkr.ecr.us-east-1.amazonaws.com/other:1"
    refused(lambda: clients.sagemaker.create_training_job(**job), "ValidationException", "other:1")


def test_a_missing_object(live):
    clients = live[1]
    for job in (training_job(name(), key="nowhere.csv"), training_job(name())):
        if job["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"].endswith("Train.csv"):
            job["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://no-such-bucket-here/Train.csv"
        refused(lambda: clients.sagemaker.create_training_job(**job), "ValidationException", "No S3 objects found under S3 URL")
        definition = {"StartAt": "T", "States": {"T": task("sagemaker:createTrainingJob.sync", job)}}
        cause = failed(clients, clients.run(name(), definition), "SageMaker.AmazonSageMakerException")
        assert "No S3 objects found" in cause


def test_an_output_bucket_that_is_not_there(live):
    clients = live[1]
    job = name()
    clients.sagemaker.create_training_job(**{**training_job(job), "OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket-here/x"}})
    reason = clients.job_until(job, "Failed", "Completed")["FailureReason"]
    assert "no-such-bucket-here" in reason and "ClientError" in reason


@pytest.mark.parametrize(("text", "parts"), [
    ("count,temp\n1,2\n3,4\n", ["ClientError"]),
    ("1,2\n3,warm\n", ["ClientError"]),
    ("1,2\n3\n", ["ClientError"]),
    ("", ["ClientError"]),
    ("\x00\x01\x02\xff", ["ClientError"]),
])
def test_data_that_is_none(live, text, parts):
    clients = live[1]
    job = name()
    clients.s3.put_object(Bucket=BUCKET, Key=f"{job}.csv", Body=text.encode("latin-1"))
    clients.sagemaker.create_training_job(**training_job(job, key=f"{job}.csv"))
    described = clients.job_until(job, "Failed", "Completed")
    assert described["TrainingJobStatus"] == "Failed"
    reason = described["FailureReason"]
    assert all(part in reason for part in parts) and "exit code: 1" in reason, reason
    assert "panicked" not in reason


@pytest.mark.parametrize(("hyperparameters", "message"), [
    ({"eta": "3.0"}, "Hyperparameter eta: 3.0 is not in [0, 1]"),
    ({"max_depth": "deep"}, "Hyperparameter max_depth: could not parse value"),
    ({"colour": "red"}, "Extraneous hyperparameter found: colour"),
    ({"objective": "reg:magic"}, "Hyperparameter objective: "),
    ({"objective": "multi:softmax"}, "Require input for parameter 'num_class' for multi-classification"),
])
def test_a_bad_hyperparameter(live, hyperparameters, message):
    clients = live[1]
    job = name()
    clients.sagemaker.create_training_job(**training_job(job, **hyperparameters))
    reason = clients.job_until(job, "Failed", "Completed")["FailureReason"]
    assert message in reason and reason.endswith("exit code: 1"), reason


def test_a_failed_job_tells_its_task_all_of_itself(live):
    clients = live[1]
    job = name()
    definition = {"StartAt": "T", "States": {"T": task("sagemaker:createTrainingJob.sync", training_job(job, eta="3.0"))}}
    cause = json.loads(failed(clients, clients.run(name(), definition), "States.TaskFailed"))
    assert cause["TrainingJobName"] == job and cause["TrainingJobStatus"] == "Failed"
    assert "Hyperparameter eta" in cause["FailureReason"]
    assert isinstance(cause["CreationTime"], int)


# Models and endpoints.

def test_a_deleted_model(live, artifact):
    clients = live[1]
    model = name()
    refused(lambda: clients.sagemaker.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[variant(model)]),
            "ValidationException", "Could not find model", model)
    clients.sagemaker.create_model(ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact})
    clients.sagemaker.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[variant(model)])
    clients.sagemaker.delete_model(ModelName=model)
    refused(lambda: clients.sagemaker.create_endpoint(EndpointName=model, EndpointConfigName=model),
            "ValidationException", "Could not find model")
    refused(lambda: clients.sagemaker.delete_model(ModelName=model), "ValidationException", "Could not find model")
    refused(lambda: clients.sagemaker.describe_endpoint(EndpointName=model), "ValidationException", "Could not find endpoint")
    refused(lambda: clients.sagemaker.create_endpoint(EndpointName=model, EndpointConfigName="nowhere"),
            "ValidationException", "Could not find endpoint configuration")
    definition = {"StartAt": "E", "States": {"E": task("sagemaker:createEndpoint", {"EndpointName": model, "EndpointConfigName": model})}}
    assert "Could not find model" in failed(clients, clients.run(name(), definition), "SageMaker.AmazonSageMakerException")


def test_an_endpoint_that_is_not_there(live):
    answer = refused(lambda: live[1].predict("nowhere"), "ValidationError", "Endpoint nowhere of account 000000000000 not found.")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


def archive(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize(("body", "part"), [
    (b"this is no archive", "could not be unpacked"),
    (archive({"readme.txt": b"no model"}), "did not pass the ping health check"),
    (archive({"xgboost-model": b"\x00garbage"}), "did not pass the ping health check"),
    (archive({"xgboost-model": b""}), "did not pass the ping health check"),
    (None, "Failed to download model data"),
], ids=["no-archive", "no-model", "garbage", "empty", "missing"])
def test_a_broken_artifact(live, body, part):
    clients = live[1]
    broken = name()
    if body is not None:
        clients.s3.put_object(Bucket=BUCKET, Key=f"broken/{broken}.tar.gz", Body=body)
    clients.sagemaker.create_model(ModelName=broken, ExecutionRoleArn=ROLE, PrimaryContainer={
        "Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/broken/{broken}.tar.gz"})
    clients.sagemaker.create_endpoint_config(EndpointConfigName=broken, ProductionVariants=[variant(broken)])
    clients.sagemaker.create_endpoint(EndpointName=broken, EndpointConfigName=broken)
    assert part in clients.endpoint_until(broken, "Failed")["FailureReason"]
    refused(lambda: clients.predict(broken), "ValidationError", "Failed")
    clients.sagemaker.delete_endpoint(EndpointName=broken)
    until(lambda: [path for path in (live[0].data / "endpoints").iterdir() if broken in path.name], lambda found: not found, 10)


def test_what_the_model_refuses(live, artifact):
    clients = live[1]
    endpoint = name()
    clients.serve(endpoint, artifact)
    invoke = lambda body, kind, accept="text/csv": clients.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType=kind, Accept=accept, Body=body)
    for body, kind, accept, status, part in [
        (b"<xml/>", "application/xml", "text/csv", 415, "Content-type application/xml is not supported."),
        (b"a,b,c,d\n1,2,3,4\n", "text/csv", "text/csv", 415, ""),
        (b"1,2,3,4,5\n", "text/csv", "text/csv", 400, "Unable to evaluate payload provided"),
        (b"1,2,3,4\n", "text/csv", "image/png", 406, "image/png"),
    ]:
        answer = refused(lambda: invoke(body, kind, accept), "ModelError", f"({status})")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert answer["OriginalStatusCode"] == status
        assert part in answer["OriginalMessage"] and answer["OriginalMessage"]
        assert f"log-group:/aws/sagemaker/Endpoints/{endpoint}:" in answer["LogStreamArn"]
    refused(lambda: invoke(b"1,2,3,4\n" * 1_000_000, "text/csv"), "ValidationError", "6291456")
    # None of it has harmed it.
    assert len(clients.predict(endpoint)) == 1
    assert list(processes(live[0].data).values()) == ["run-endpoint"]
    clients.sagemaker.delete_endpoint(EndpointName=endpoint)


def test_models_of_many_models_are_refused(live):
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/models/", "Mode": "MultiModel"}
    refused(lambda: live[1].sagemaker.create_model(ModelName=name(), PrimaryContainer=container, ExecutionRoleArn=ROLE),
            "ValidationException", "multi-model")
