"""The TrainingPipeline template of the Data Science SDK, either generation."""

import json
import time

import boto3
import pytest

sagemaker = pytest.importorskip("sagemaker", reason="needs the SageMaker SDK of requirements-v1 or -v2")
stepfunctions = pytest.importorskip("stepfunctions", reason="needs the Data Science SDK")

from stepfunctions.template.pipeline import TrainingPipeline  # noqa: E402

from test_chapter import HYPERPARAMETERS, Chapter, in_service, predict, training_input, wait  # noqa: E402

from conftest import SHARED  # noqa: E402


@pytest.fixture(scope="module")
def pipeline(server, dataset):
    chapter = Chapter(server, dataset)
    inputs = {"train": training_input(chapter.train), "validation": training_input(chapter.validation)}
    made = TrainingPipeline(
        estimator=chapter.estimator, role=chapter.role, inputs=inputs, s3_bucket=chapter.bucket,
        pipeline_name=f"pipeline-{time.time_ns()}",
    )
    return chapter, made


def test_the_template_runs(server, pipeline):
    chapter, made = pipeline
    definition = json.loads(made.workflow.definition.to_json())
    assert list(definition["States"]) == ["Training", "Create Model", "Configure Endpoint", "Deploy"]
    made.create()
    name = f"job-{time.time_ns()}"
    execution = made.execute(job_name=name, hyperparameters={**HYPERPARAMETERS, "num_round": "20"})
    description = wait(execution)
    assert description["status"] == "SUCCEEDED", description
    assert execution.execution_arn.endswith(f":{name}")
    given = json.loads(description["input"])
    assert given["Training"]["TrainingJobName"] == f"estimator-{name}"
    assert given["Create Model"]["ModelName"] == given["Deploy"]["EndpointName"] == name

    # The template names the artifact before there is one: it is where it says.
    client = boto3.client("sagemaker")
    job = client.describe_training_job(TrainingJobName=f"estimator-{name}")
    artifact = given["Create Model"]["PrimaryContainer"]["ModelDataUrl"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == artifact
    assert artifact.endswith(f"/estimator-{name}/output/model.tar.gz")
    # Hyperparameters given to execute() are the job's.
    assert job["HyperParameters"]["num_round"] == "20"
    endpoint = in_service(name)
    assert endpoint["EndpointConfigName"] == name
    assert len(predict(name, chapter.held_out[:7])) == 7
    client.delete_endpoint(EndpointName=name)

    # The same name again: the execution's.
    states = boto3.client("stepfunctions")
    with pytest.raises(states.exceptions.ClientError, match="ExecutionAlreadyExists"):
        made.execute(job_name=name, hyperparameters={"num_round": "21"})


@pytest.mark.skipif(not (SHARED / "examples").is_dir(), reason="needs the recorded examples")
def test_the_recorded_pipeline_runs(server, dataset):
    """What an SDK of the second generation wrote, run as it is."""
    folder, held_out = dataset
    s3, states = boto3.client("s3"), boto3.client("stepfunctions")
    s3.create_bucket(Bucket="slytherins-test")
    for name in ("Train.csv", "test_data.csv"):
        s3.upload_file(str(folder / name), "slytherins-test", name)
    definition = (SHARED / "examples" / "training-pipeline.asl.json").read_text()
    machine = states.create_state_machine(
        name="recorded", definition=definition, roleArn="arn:aws:iam::000000000000:role/stepwell")["stateMachineArn"]
    given = (SHARED / "examples" / "training-pipeline.input.json").read_text()
    execution = states.start_execution(stateMachineArn=machine, name="job-1", input=given)["executionArn"]
    deadline = time.monotonic() + 60
    while (description := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert description["status"] == "SUCCEEDED", description
    in_service("job-1")
    assert len(predict("job-1", held_out[:3])) == 3

    scored = (SHARED / "examples" / "transform-step.asl.json").read_text()
    machine = states.create_state_machine(
        name="recorded-transform", definition=scored, roleArn="arn:aws:iam::000000000000:role/stepwell")["stateMachineArn"]
    execution = states.start_execution(
        stateMachineArn=machine, input=json.dumps({"JobName": "recorded-score", "ModelName": "job-1"}))["executionArn"]
    while (description := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert description["status"] == "SUCCEEDED", description
    out = s3.get_object(Bucket="slytherins-test", Key="transform/test_data.csv.out")["Body"].read().decode().splitlines()
    assert [float(line.split(",")[0]) for line in out] == [float(row[0]) for row in held_out]
    boto3.client("sagemaker").delete_endpoint(EndpointName="job-1")
