"""The AWS CLI, with nothing but the variables of `stepwell env`."""

import json
import os
import pathlib
import subprocess
import sys
import time
import uuid

import pytest
from conftest import ROOT

AWS = pathlib.Path(sys.executable).parent / "aws"
ROLE = "arn:aws:iam::000000000000:role/stepwell"
HELLO = {
    "StartAt": "Hello",
    "States": {"Hello": {"Type": "Pass", "Parameters": {"hello.$": "$.name"}, "Next": "Pause"},
               "Pause": {"Type": "Wait", "SecondsPath": "$.pause", "End": True}},
}
HELLO["States"]["Hello"]["Parameters"]["pause.$"] = "$.pause"


@pytest.fixture
def aws(server, tmp_path):
    def run(*words, refused=None):
        ended = subprocess.run(
            [AWS, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
            env={**os.environ, "AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json"},
        )
        if refused is not None:
            assert ended.returncode != 0 and refused in ended.stderr, (ended.stdout, ended.stderr)
            return ended.stderr
        assert ended.returncode == 0, ended.stderr
        try:
            return json.loads(ended.stdout)
        except ValueError:
            return ended.stdout

    return run


def until_ended(aws, execution):
    deadline = time.monotonic() + 60
    while (told := aws("stepfunctions", "describe-execution", "--execution-arn", execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
    return told


def test_who_am_i(aws):
    assert aws("sts", "get-caller-identity") == {
        "UserId": aws("sts", "get-caller-identity")["UserId"],
        "Account": "000000000000",
        "Arn": "arn:aws:sts::000000000000:assumed-role/stepwell/local",
    }
    assert aws("iam", "get-role", "--role-name", "stepwell")["Role"]["Arn"] == ROLE


def test_a_state_machine_from_creation_to_deletion(aws, tmp_path):
    (tmp_path / "hello.asl.json").write_text(json.dumps(HELLO))
    name = f"hello-{uuid.uuid4().hex[:8]}"
    create = ["stepfunctions", "create-state-machine", "--name", name, "--definition", "file://hello.asl.json",
              "--role-arn", ROLE, "--tags", "key=team,value=ml"]
    machine = aws(*create)["stateMachineArn"]
    assert machine == f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}"
    assert aws(*create)["stateMachineArn"] == machine
    assert machine in [listed["stateMachineArn"] for listed in aws("stepfunctions", "list-state-machines")["stateMachines"]]
    told = aws("stepfunctions", "describe-state-machine", "--state-machine-arn", machine)
    assert json.loads(told["definition"]) == HELLO and told["status"] == "ACTIVE"
    assert aws("stepfunctions", "list-tags-for-resource", "--resource-arn", machine)["tags"] == [{"key": "team", "value": "ml"}]

    execution = aws("stepfunctions", "start-execution", "--state-machine-arn", machine, "--name", "one",
                    "--input", '{"name": "you", "pause": 0}')["executionArn"]
    assert execution == f"arn:aws:states:us-east-1:000000000000:execution:{name}:one"
    ended = until_ended(aws, execution)
    assert ended["status"] == "SUCCEEDED" and json.loads(ended["output"]) == {"hello": "you", "pause": 0}
    history = aws("stepfunctions", "get-execution-history", "--execution-arn", execution)["events"]
    assert [event["type"] for event in history] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "WaitStateEntered", "WaitStateExited",
        "ExecutionSucceeded",
    ]
    # The CLI pages by itself and by request.
    assert len(aws("stepfunctions", "get-execution-history", "--execution-arn", execution, "--page-size", "2")["events"]) == 6
    page = aws("stepfunctions", "get-execution-history", "--execution-arn", execution, "--max-items", "4", "--reverse-order")
    assert page["events"][0]["type"] == "ExecutionSucceeded" and page["NextToken"]

    waiting = aws("stepfunctions", "start-execution", "--state-machine-arn", machine,
                  "--input", '{"name": "you", "pause": 600}')["executionArn"]
    running = aws("stepfunctions", "list-executions", "--state-machine-arn", machine, "--status-filter", "RUNNING")
    assert [listed["executionArn"] for listed in running["executions"]] == [waiting]
    aws("stepfunctions", "stop-execution", "--execution-arn", waiting, "--error", "Enough", "--cause", "of waiting")
    stopped = aws("stepfunctions", "describe-execution", "--execution-arn", waiting)
    assert (stopped["status"], stopped["error"], stopped["cause"]) == ("ABORTED", "Enough", "of waiting")

    aws("stepfunctions", "delete-state-machine", "--state-machine-arn", machine)
    deadline = time.monotonic() + 20
    while machine in str(aws("stepfunctions", "list-state-machines")):
        assert time.monotonic() < deadline
    aws("stepfunctions", "describe-state-machine", "--state-machine-arn", machine, refused="(StateMachineDoesNotExist)")


def test_mistakes_get_awss_errors(aws):
    aws("stepfunctions", "create-state-machine", "--name", "bad", "--definition", '{"StartAt": "Nowhere", "States": {}}',
        "--role-arn", ROLE, refused="(InvalidDefinition)")
    aws("stepfunctions", "describe-execution", "--execution-arn",
        "arn:aws:states:us-east-1:000000000000:execution:none:none", refused="(ExecutionDoesNotExist)")
    told = aws("stepfunctions", "validate-state-machine-definition", "--definition", '{"StartAt": "Nowhere", "States": {}}')
    assert told["result"] == "FAIL" and told["diagnostics"]
    aws("sagemaker", "describe-training-job", "--training-job-name", "none", refused="Requested resource not found.")


def test_s3_there_and_back(aws, tmp_path):
    bucket = f"cli-{uuid.uuid4().hex[:8]}"
    assert aws("s3", "mb", f"s3://{bucket}") == f"make_bucket: {bucket}\n"
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "folder" / "deep" / "b.txt").write_text("b")
    large = os.urandom(20 * 1024 * 1024)
    (tmp_path / "large").write_bytes(large)

    aws("s3", "cp", "large", f"s3://{bucket}/large")
    aws("s3", "cp", f"s3://{bucket}/large", "back")
    assert (tmp_path / "back").read_bytes() == large

    aws("s3", "sync", "folder", f"s3://{bucket}/folder")
    assert aws("s3", "sync", "folder", f"s3://{bucket}/folder") == "", "what is there is not sent again"
    listed = [line.split()[-1] for line in aws("s3", "ls", f"s3://{bucket}").splitlines()]
    assert listed == ["folder/", "large"]
    assert "deep/" in aws("s3", "ls", f"s3://{bucket}/folder/")
    everything = aws("s3", "ls", f"s3://{bucket}", "--recursive", "--summarize")
    assert "folder/deep/b.txt" in everything and "Total Objects: 3" in everything

    aws("s3", "mv", f"s3://{bucket}/folder/a.txt", f"s3://{bucket}/folder/moved.txt")
    aws("s3", "sync", f"s3://{bucket}/folder", "mirror", "--delete")
    assert sorted(str(path.relative_to(tmp_path / "mirror")) for path in (tmp_path / "mirror").rglob("*.txt")) == [
        "deep/b.txt", "moved.txt"]
    aws("s3", "cp", f"s3://{bucket}/", "everything", "--recursive")
    assert (tmp_path / "everything" / "folder" / "moved.txt").read_text() == "a"

    aws("s3", "rb", f"s3://{bucket}", refused="BucketNotEmpty")
    aws("s3", "rm", f"s3://{bucket}/large")
    aws("s3", "ls", f"s3://{bucket}/large", refused="")
    aws("s3", "rm", f"s3://{bucket}", "--recursive")
    aws("s3", "rb", f"s3://{bucket}")
    aws("s3", "ls", f"s3://{bucket}", refused="NoSuchBucket")


def test_s3api_and_presigned(aws, tmp_path):
    import urllib.request

    bucket = f"cli-{uuid.uuid4().hex[:8]}"
    aws("s3api", "create-bucket", "--bucket", bucket)
    (tmp_path / "k").write_text("k")
    aws("s3api", "put-object", "--bucket", bucket, "--key", "k", "--body", "k", "--metadata", "a=b")
    assert aws("s3api", "head-object", "--bucket", bucket, "--key", "k")["Metadata"] == {"a": "b"}
    assert urllib.request.urlopen(aws("s3", "presign", f"s3://{bucket}/k").strip()).read() == b"k"
    assert bucket in [listed["Name"] for listed in aws("s3api", "list-buckets")["Buckets"]]
    aws("s3", "rb", f"s3://{bucket}", "--force")


def test_a_pipeline_and_what_is_left_of_it(aws, dataset, tmp_path):
    folder, held_out = dataset
    bucket = f"cli-{uuid.uuid4().hex[:8]}"
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3", "cp", str(folder / "Train.csv"), f"s3://{bucket}/train.csv")
    aws("s3", "cp", str(folder / "test_data.csv"), f"s3://{bucket}/validation.csv")
    definition = ROOT / "examples" / "bikeshare" / "pipeline.asl.json"
    machine = aws("stepfunctions", "create-state-machine", "--name", bucket, "--role-arn", ROLE,
                  "--definition", f"file://{definition}")["stateMachineArn"]
    (tmp_path / "input.json").write_text(json.dumps({
        "Train": f"s3://{bucket}/train.csv", "Validation": f"s3://{bucket}/validation.csv",
        "Output": f"s3://{bucket}/output", "Rounds": "20"}))
    execution = aws("stepfunctions", "start-execution", "--state-machine-arn", machine, "--name", bucket,
                    "--input", "file://input.json")["executionArn"]
    assert until_ended(aws, execution)["status"] == "SUCCEEDED"

    job = aws("sagemaker", "describe-training-job", "--training-job-name", bucket)
    assert job["TrainingJobStatus"] == "Completed" and job["HyperParameters"]["num_round"] == "20"
    assert bucket in [listed["TrainingJobName"] for listed in aws("sagemaker", "list-training-jobs")["TrainingJobSummaries"]]
    assert aws("sagemaker", "describe-model", "--model-name", bucket)["ModelName"] == bucket
    assert aws("sagemaker", "describe-endpoint-config", "--endpoint-config-name", bucket)["ProductionVariants"]
    while aws("sagemaker", "describe-endpoint", "--endpoint-name", bucket)["EndpointStatus"] == "Creating":
        pass
    assert aws("sagemaker", "describe-endpoint", "--endpoint-name", bucket)["EndpointStatus"] == "InService"

    streams = aws("logs", "describe-log-streams", "--log-group-name", "/aws/sagemaker/TrainingJobs",
                  "--log-stream-name-prefix", f"{bucket}/")["logStreams"]
    lines = aws("logs", "get-log-events", "--log-group-name", "/aws/sagemaker/TrainingJobs",
                "--log-stream-name", streams[0]["logStreamName"], "--start-from-head")["events"]
    assert any("validation-rmse" in event["message"] for event in lines)
    found = aws("logs", "filter-log-events", "--log-group-name", "/aws/sagemaker/TrainingJobs",
                "--log-stream-name-prefix", f"{bucket}/", "--filter-pattern", '"validation-rmse"')["events"]
    assert len(found) >= 20

    (tmp_path / "row.csv").write_text(",".join(map(str, held_out[0][1:])))
    answer = aws("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", bucket, "--content-type", "text/csv",
                 "--body", "fileb://row.csv", "answer.csv")
    assert answer["ContentType"].startswith("text/csv") and float((tmp_path / "answer.csv").read_text())
    for noun in ("endpoint", "endpoint-config", "model"):
        aws("sagemaker", f"delete-{noun}", f"--{noun}-name", bucket)
    aws("sagemaker", "describe-model", "--model-name", bucket, refused="(ValidationException)")
