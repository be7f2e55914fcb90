"""TransformStep with either generation of the SDKs: a batch transform with filters and a join, end to end."""

import json
import uuid

import boto3
import pytest

sagemaker = pytest.importorskip("sagemaker", reason="needs the SageMaker SDK of requirements-v1 or -v2")
stepfunctions = pytest.importorskip("stepfunctions", reason="needs the Data Science SDK")

from sagemaker.transformer import Transformer  # noqa: E402
from stepfunctions import steps  # noqa: E402
from stepfunctions.inputs import ExecutionInput  # noqa: E402
from stepfunctions.workflow import Workflow  # noqa: E402

from test_chapter import HYPERPARAMETERS, V1, Chapter, error, names, training_input, wait  # noqa: E402


@pytest.fixture(scope="module")
def trained(server, dataset):
    """A chapter whose workflow ends with the model."""
    chapter = Chapter(server, dataset)
    inputs = names()
    train = steps.TrainingStep(
        "Train Step", estimator=chapter.estimator, data={"train": training_input(chapter.train)},
        job_name=chapter.input["JobName"],
    )
    model = steps.ModelStep("Save model", model=train.get_expected_model(), model_name=chapter.input["ModelName"])
    workflow = Workflow(f"trained-{inputs['JobName']}", steps.Chain([train, model]), chapter.role, execution_input=chapter.input)
    workflow.create()
    description = wait(workflow.execute(inputs=inputs))
    assert description["status"] == "SUCCEEDED", description
    return chapter, inputs["ModelName"]


def score(chapter, model, output, **transform):
    """A workflow of one TransformStep; the execution's description when it has ended."""
    given = ExecutionInput(schema={"JobName": str, "ModelName": str})
    transformer = Transformer(
        model_name=given["ModelName"], instance_count=1, instance_type="ml.m4.xlarge", output_path=output,
        assemble_with="Line", accept="text/csv", sagemaker_session=chapter.session,
    )
    step = steps.TransformStep(
        "Score", transformer=transformer, job_name=given["JobName"], model_name=given["ModelName"],
        content_type="text/csv", split_type="Line", **transform,
    )
    name = f"transform-{uuid.uuid4().hex[:8]}"
    workflow = Workflow(name, steps.Chain([step]), chapter.role, execution_input=given)
    workflow.create()
    execution = workflow.execute(inputs={"JobName": name, "ModelName": model})
    return name, wait(execution), execution


def read(uri):
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    return boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def test_labels_and_predictions_side_by_side(server, trained):
    chapter, model = trained
    output = f"s3://{chapter.bucket}/transform"
    name, description, execution = score(
        chapter, model, output, data=chapter.validation,
        input_filter="$[1:]", join_source="Input", output_filter="$[0,-1]",
    )
    assert description["status"] == "SUCCEEDED", description
    # The label went not to the model, and came back beside its prediction.
    pairs = [line.split(",") for line in read(f"{output}/test_data.csv.out").splitlines()]
    assert len(pairs) == len(chapter.held_out)
    assert [float(label) for label, _ in pairs] == [float(row[0]) for row in chapter.held_out]
    predictions = [float(prediction) for _, prediction in pairs]
    constant = [sum(float(row[0]) for row in chapter.held_out) / len(chapter.held_out)] * len(chapter.held_out)
    assert error(chapter.held_out, predictions) < error(chapter.held_out, constant) / 2

    # What the state gives on is Describe's answer.
    result = json.loads(description["output"])
    assert result["TransformJobName"] == name and result["TransformJobStatus"] == "Completed"
    assert result["DataProcessing"] == {"InputFilter": "$[1:]", "OutputFilter": "$[0,-1]", "JoinSource": "Input"}
    assert result["TransformResources"] == {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge"}
    assert result["TransformOutput"]["S3OutputPath"] == output
    job = boto3.client("sagemaker").describe_transform_job(TransformJobName=name)
    assert job["TransformJobStatus"] == "Completed" and job["TransformStartTime"] <= job["TransformEndTime"]
    events = boto3.client("stepfunctions").get_execution_history(executionArn=execution.execution_arn)["events"]
    assert [event["type"] for event in events] == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded",
        "TaskStateExited", "ExecutionSucceeded",
    ]
    logs = boto3.client("logs")
    streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=name + "/")
    assert len(streams["logStreams"]) == 1


def test_without_filters_only_the_predictions_come_out(server, trained, tmp_path):
    chapter, model = trained
    (tmp_path / "rows.csv").write_text("".join(",".join(map(str, row[1:])) + "\n" for row in chapter.held_out[:10]))
    rows = chapter.session.upload_data(str(tmp_path / "rows.csv"), bucket=chapter.bucket, key_prefix="rows/part")
    output = f"s3://{chapter.bucket}/plain"
    # Every object under a prefix; the path below it stays.
    _, description, _ = score(chapter, model, output, data=rows.rsplit("/", 2)[0] + "/")
    assert description["status"] == "SUCCEEDED", description
    lines = read(f"{output}/part/rows.csv.out").splitlines()
    assert len(lines) == 10 and all(float(line) > -100 for line in lines)


def test_a_transform_that_cannot_be_fails_its_state(server, trained, tmp_path):
    chapter, model = trained
    # The label is not taken out: a column too many for the model.
    _, description, _ = score(chapter, model, f"s3://{chapter.bucket}/bad", data=chapter.validation)
    assert (description["status"], description["error"]) == ("FAILED", "States.TaskFailed"), description
    cause = json.loads(description["cause"])
    assert cause["TransformJobStatus"] == "Failed" and cause["FailureReason"], cause
    # No such model: refused before there is a job.
    name, description, _ = score(chapter, "nobody", f"s3://{chapter.bucket}/bad", data=chapter.validation)
    assert (description["status"], description["error"]) == ("FAILED", "SageMaker.AmazonSageMakerException"), description
    assert "Could not find model" in description["cause"]
    client = boto3.client("sagemaker")
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.describe_transform_job(TransformJobName=name)
