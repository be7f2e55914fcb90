"""The default, `advise`: nothing is refused, and what AWS would refuse is told."""

import json

import boto3
import botocore
from botocore.config import Config

import pipeline
from pipeline import Clients, chapter, until

ACCOUNT = "000000000000"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


def test_nothing_is_refused_and_everything_is_told(own_server):
    server = own_server
    clients = Clients(server.start())
    clients.put_data()
    iam = boto3.client("iam", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test",
                       aws_secret_access_key="test", config=Config(retries={"max_attempts": 0}))
    iam.create_role(RoleName="poor", AssumeRolePolicyDocument=TRUST)
    poor = f"arn:aws:iam::{ACCOUNT}:role/poor"
    machine = clients.states.create_state_machine(
        name="m", definition=json.dumps(chapter("advise", pipeline.SHORT)), roleArn=poor)["stateMachineArn"]
    execution = clients.states.start_execution(stateMachineArn=machine)["executionArn"]
    ended = until(lambda: clients.states.describe_execution(executionArn=execution), lambda it: it["status"] != "RUNNING", 90)
    assert ended["status"] == "SUCCEEDED", ended

    report = server.run("iam", "report", "--data", server.data)
    told = server.run("describe", execution, "--endpoint", server.url)
    assert report.splitlines()[0] == poor, "nobody else lacks anything"
    for action in ("sagemaker:CreateTrainingJob", "sagemaker:AddTags", "sagemaker:CreateModel", "sagemaker:CreateEndpoint",
                   "iam:PassRole", "events:PutTargets"):
        assert action in report, report
        if action != "events:PutTargets":  # That was asked when the state machine was made.
            assert f'To allow it, add to a policy of the role poor: {{"Effect":"Allow","Action":"{action}"' in told, told
    line = "is not authorized to perform: sagemaker:CreateModel"
    assert server.log.read_text().count(line) == 1

    # Again is not told again, not even after a restart; but the execution has its own.
    server.stop()
    server.start()
    again = clients.states.start_execution(stateMachineArn=machine)["executionArn"]
    until(lambda: clients.states.describe_execution(executionArn=again), lambda it: it["status"] != "RUNNING", 90)
    assert server.run("iam", "report", "--data", server.data) == report
    assert "sagemaker:CreateTrainingJob" in server.run("describe", again, "--endpoint", server.url)
    assert "sagemaker:CreateModel" in server.run("describe", execution, "--endpoint", server.url)

    # The role of whoever is nobody in particular may do everything, so they are told nothing.
    assert f"arn:aws:iam::{ACCOUNT}:role/stepwell" not in report.splitlines(), report
    # And its policy suggests itself.
    suggested = json.loads(server.run("iam", "suggest", machine, "--endpoint", server.url))
    assert len(suggested["Statement"]) == 6, suggested


def test_whoever_they_say_they_are(own_server):
    """No signature, a wrong one, one of nobody's key: as where nobody asks."""
    server = own_server.start()
    for key in ("test", "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "111111111111"):
        s3 = boto3.client("s3", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=key,
                          aws_secret_access_key="wrong", aws_session_token="x", config=Config(s3={"addressing_style": "path"}))
        s3.create_bucket(Bucket=f"of-{key.lower()}")
        s3.put_object(Bucket=f"of-{key.lower()}", Key="k", Body=b"1")
    unsigned = boto3.client("s3", endpoint_url=server.url, region_name="us-east-1",
                            config=Config(signature_version=botocore.UNSIGNED, s3={"addressing_style": "path"}))
    assert unsigned.get_object(Bucket="of-test", Key="k")["Body"].read() == b"1"
    assert "IAM:" not in server.log.read_text()
    assert server.run("iam", "report", "--data", server.data) == "Every call that was made is allowed by IAM's policies.\n"
