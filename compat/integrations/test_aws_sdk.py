"""`aws-sdk:*` tasks: every operation of SageMaker, S3 and Step Functions that is served, from a state
machine, by one path."""

import json
import uuid

import pytest

from conftest import Server
from pipeline import BUCKET, ROLE, check_history, start, task, training_job


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("integrations") / "data")
    yield start(server)
    server.stop()


def chain(*states):
    """States S0, S1, … one after another; what each comes to lies under its own name."""
    made = {}
    for place, state in enumerate(states):
        state = {**state, "ResultPath": f"$.S{place}"}
        state.pop("End", None)
        made[f"S{place}"] = {**state, "Next": f"S{place + 1}"}
    made[f"S{len(states)}"] = {"Type": "Succeed"}
    return {"StartAt": "S0", "States": made}


def output(clients, definition, given=None):
    execution = clients.run(f"sdk-{uuid.uuid4().hex[:8]}", definition, given)
    description = clients.ended(execution)
    assert description["status"] == "SUCCEEDED", description
    check_history(clients.history(execution), submitted=json.dumps(definition).count(".sync"))
    return json.loads(description["output"])


def test_objects_come_and_go(clients):
    result = output(clients, chain(
        task("aws-sdk:s3:putObject", {"Bucket": BUCKET, "Key": "tasks/note", "Body.$": "$.text", "ContentType": "text/plain"}),
        task("aws-sdk:s3:getObject", {"Bucket": BUCKET, "Key": "tasks/note"}),
        task("aws-sdk:s3:headObject", {"Bucket": BUCKET, "Key": "tasks/note"}),
        task("aws-sdk:s3:listObjectsV2", {"Bucket": BUCKET, "Prefix": "tasks/"}),
        task("aws-sdk:s3:deleteObject", {"Bucket": BUCKET, "Key": "tasks/note"}),
        task("aws-sdk:s3:listObjectsV2", {"Bucket": BUCKET, "Prefix": "tasks/"}),
    ), {"text": "good day"})
    assert result["S0"]["ETag"].startswith('"')
    # A body is the JSON that was given, quotation marks and all.
    assert result["S1"]["Body"] == '"good day"' and result["S1"]["ContentType"] == "text/plain"
    assert result["S2"]["ContentLength"] == 10
    assert [found["Key"] for found in result["S3"]["Contents"]] == ["tasks/note"]
    assert not result["S5"].get("Contents")


def test_a_training_job_is_described_and_its_model_kept(clients):
    name = f"described-{uuid.uuid4().hex[:8]}"
    result = output(clients, chain(
        task("sagemaker:createTrainingJob.sync", training_job(name)),
        task("aws-sdk:sagemaker:describeTrainingJob", {"TrainingJobName": name}),
        task("aws-sdk:sagemaker:listTrainingJobs", {"NameContains": name}),
        task("aws-sdk:sagemaker:createModel", {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": {
            "Image.$": "$.S1.AlgorithmSpecification.TrainingImage", "ModelDataUrl.$": "$.S1.ModelArtifacts.S3ModelArtifacts"}}),
        task("aws-sdk:sagemaker:describeModel", {"ModelName": name}),
        task("aws-sdk:sagemaker:deleteModel", {"ModelName": name}),
    ))
    synced, described = result["S0"], result["S1"]
    assert synced["TrainingJobStatus"] == described["TrainingJobStatus"] == "Completed"
    assert described["ModelArtifacts"] == synced["ModelArtifacts"]
    assert [found["TrainingJobName"] for found in result["S2"]["TrainingJobSummaries"]] == [name]
    assert result["S4"]["PrimaryContainer"]["ModelDataUrl"] == synced["ModelArtifacts"]["S3ModelArtifacts"]
    # An optimised integration's times are milliseconds; the other's are text.
    assert isinstance(synced["TrainingEndTime"], int) and synced["TrainingEndTime"] > 1_600_000_000_000
    assert isinstance(described["TrainingEndTime"], str) and described["TrainingEndTime"].endswith("Z")
    assert {"TrainingJobName", "TrainingJobArn", "SecondaryStatusTransitions", "HyperParameters"} <= set(synced)


def test_executions_start_and_are_listed(clients):
    inner = clients.machine("inner", {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"deep": 1}, "End": True}}})
    name = f"inner-{uuid.uuid4().hex[:8]}"
    result = output(clients, chain(
        task("states:startExecution.sync:2", {"StateMachineArn": inner, "Name": name, "Input": {"a": 1}}),
        task("aws-sdk:sfn:listExecutions", {"StateMachineArn": inner, "StatusFilter": "SUCCEEDED"}),
        task("aws-sdk:sfn:describeExecution", {"ExecutionArn.$": "$.S1.Executions[0].ExecutionArn"}),
    ))
    assert result["S0"]["Output"] == {"deep": 1}
    assert [found["Name"] for found in result["S1"]["Executions"]] == [name]
    assert result["S2"]["Status"] == "SUCCEEDED" and json.loads(result["S2"]["Output"]) == {"deep": 1}


@pytest.mark.parametrize(("resource", "parameters", "error", "part"), [
    ("aws-sdk:sagemaker:describeTrainingJob", {"TrainingJobName": "nowhere"}, "SageMaker.ResourceNotFoundException", "Requested resource not found"),
    ("aws-sdk:sagemaker:describeModel", {"ModelName": "nowhere"}, "SageMaker.SageMakerException", "Could not find model"),
    ("aws-sdk:s3:getObject", {"Bucket": BUCKET, "Key": "nowhere"}, "S3.NoSuchKeyException", "The specified key does not exist"),
    ("aws-sdk:s3:getObject", {"Bucket": "no-such-bucket-here", "Key": "nowhere"}, "S3.NoSuchBucketException", "bucket does not exist"),
    ("aws-sdk:sfn:describeExecution", {"ExecutionArn": "arn:aws:states:us-east-1:000000000000:execution:a:b"}, "Sfn.ExecutionDoesNotExistException", "Execution Does Not Exist"),
    ("sagemaker:createModel", {"ModelName": "x", "ExecutionRoleArn": ROLE}, "SageMaker.AmazonSageMakerException", "PrimaryContainer"),
    ("sagemaker:createTrainingJob.sync", {"TrainingJobName": "x"}, "SageMaker.AmazonSageMakerException", "validation error"),
])
def test_refusals_can_be_caught(clients, resource, parameters, error, part):
    caught = {"Type": "Pass", "End": True}
    state = task(resource, parameters, Next="Never", Catch=[{"ErrorEquals": [error], "Next": "Caught"}])
    definition = {"StartAt": "Try", "States": {"Try": state, "Never": {"Type": "Fail"}, "Caught": caught}}
    execution = clients.run(f"caught-{uuid.uuid4().hex[:8]}", definition)
    description = clients.ended(execution)
    assert description["status"] == "SUCCEEDED", description
    told = json.loads(description["output"])
    assert told["Error"] == error and part in told["Cause"], told
