"""The audit log: CloudTrail's records in the data folder, and LookupEvents over them, asked by boto3."""

import json
import re
import urllib.request

import boto3
import botocore.exceptions
import pytest

from conftest import Server
from enforcing import ACCOUNT, Enforcing

DEFINITION = '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}]})


FOR_TASKS = TRUST.replace(f'"AWS": "arn:aws:iam::{ACCOUNT}:root"', '"Service": "states.amazonaws.com"')


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Enforcing(tmp_path_factory.mktemp("audit") / "data", ["--iam", "enforce", "--audit", "management"]).start()
    yield server
    server.stop()


def events(trail, **asked):
    """Every page of an answer, as the records themselves."""
    pages = trail.get_paginator("lookup_events").paginate(**asked)
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


def named(trail, name):
    return events(trail, LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])


def written(server):
    return [json.loads(line) for file in sorted(server.data.glob("audit/*.jsonl")) for line in file.open()]


def test_a_record_has_what_cloudtrail_says(server):
    states, trail = server.admin("stepfunctions"), server.admin("cloudtrail")
    server.admin("iam").create_role(RoleName="acting", AssumeRolePolicyDocument=FOR_TASKS)
    machine = states.create_state_machine(
        name="told", definition=DEFINITION, roleArn=f"arn:aws:iam::{ACCOUNT}:role/acting")["stateMachineArn"]
    started = states.start_execution(stateMachineArn=machine, name="once", input='{"card": "4111 1111"}')
    record, = named(trail, "StartExecution")
    assert record == record | {
        "eventSource": "states.amazonaws.com", "awsRegion": "us-east-1", "sourceIPAddress": "127.0.0.1",
        "requestParameters": {"stateMachineArn": machine, "name": "once", "input": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        "requestID": started["ResponseMetadata"]["RequestId"], "readOnly": False, "managementEvent": True,
        "eventType": "AwsApiCall", "eventCategory": "Management", "recipientAccountId": ACCOUNT,
    }
    assert "errorCode" not in record and record["userAgent"].startswith("Boto3/")
    assert record["responseElements"]["executionArn"] == started["executionArn"]
    assert re.fullmatch(r"[A-Z][a-z]{2} \d+, \d{4}, \d+:\d\d:\d\d [AP]M", record["responseElements"]["startDate"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["eventTime"])
    user = server.admin("iam").get_user(UserName="administrator")["User"]
    assert record["userIdentity"] == {
        "type": "IAMUser", "principalId": user["UserId"], "arn": user["Arn"], "accountId": ACCOUNT,
        "accessKeyId": server.key[0], "userName": "administrator"}
    assert record in written(server)


def test_a_session_is_told_with_its_role(server):
    trail, sts = server.admin("cloudtrail"), server.admin("sts")
    role = server.admin("iam").create_role(RoleName="sessions", AssumeRolePolicyDocument=TRUST)["Role"]
    keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="ann", SourceIdentity="ann.lee")["Credentials"]
    key = keys["AccessKeyId"], keys["SecretAccessKey"]
    with pytest.raises(botocore.exceptions.ClientError):
        server.client("iam", key, keys["SessionToken"]).create_user(UserName="nobody")
    refused = named(trail, "CreateUser")[0]
    assert refused["errorCode"] == "AccessDenied" and "iam:CreateUser" in refused["errorMessage"]
    assert refused["responseElements"] is None and refused["awsRegion"] == "us-east-1"
    identity = refused["userIdentity"]
    assert identity["type"] == "AssumedRole" and identity["principalId"] == role["RoleId"] + ":ann"
    session = identity["sessionContext"]
    assert session["sessionIssuer"] == {"type": "Role", "principalId": role["RoleId"], "arn": role["Arn"],
                                        "accountId": ACCOUNT, "userName": "sessions"}
    assert session["attributes"]["mfaAuthenticated"] == "false" and session["sourceIdentity"] == "ann.lee"
    assumed = named(trail, "AssumeRole")[0]
    assert set(assumed["responseElements"]["credentials"]) == {"accessKeyId", "expiration"}
    found = trail.lookup_events(LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": "ann"}])["Events"]
    assert [event["EventName"] for event in found] == ["CreateUser"]
    # No file holds a secret that was given.
    log = "".join(file.read_text() for file in server.data.glob("audit/*.jsonl"))
    assert keys["SecretAccessKey"] not in log and keys["SessionToken"] not in log and server.key[1] not in log


def test_a_call_that_the_model_refuses_is_told(server):
    states = server.admin("stepfunctions")
    with pytest.raises(botocore.exceptions.ClientError):
        states.create_activity(name="x" * 81)
    assert named(server.admin("cloudtrail"), "CreateActivity")[0]["errorCode"] == "ValidationException"


def test_a_task_is_told_as_the_services(server):
    iam, states = server.admin("iam"), server.admin("stepfunctions")
    iam.create_role(RoleName="tasks", AssumeRolePolicyDocument=FOR_TASKS)
    iam.put_role_policy(RoleName="tasks", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
    machine = states.create_state_machine(
        name="tasks", roleArn=f"arn:aws:iam::{ACCOUNT}:role/tasks", type="EXPRESS", definition=json.dumps({
            "StartAt": "B", "States": {"B": {"Type": "Task", "End": True, "Parameters": {"Bucket": "by-a-task"},
                                             "Resource": "arn:aws:states:::aws-sdk:s3:createBucket"}}}))
    assert states.start_sync_execution(stateMachineArn=machine["stateMachineArn"])["status"] == "SUCCEEDED"
    record = next(r for r in named(server.admin("cloudtrail"), "CreateBucket")
                  if r["requestParameters"]["bucketName"] == "by-a-task")
    assert record["userIdentity"]["invokedBy"] == record["sourceIPAddress"] == record["userAgent"] == "states.amazonaws.com"
    assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "tasks"


def test_data_events_are_for_those_who_ask(server, tmp_path):
    assert all(record["managementEvent"] for record in written(server))
    other = Server(tmp_path / "data", ["--audit", "all"]).start()
    try:
        client = lambda name: boto3.client(name, endpoint_url=other.url, region_name="us-east-1",
                                           aws_access_key_id="test", aws_secret_access_key="test")
        client("s3").create_bucket(Bucket="bbb")
        client("s3").put_object(Bucket="bbb", Key="k", Body=b"hello")
        assert [event["EventName"] for event in client("cloudtrail").lookup_events()["Events"]] == ["CreateBucket"]
        put = next(record for record in written(other) if record["eventName"] == "PutObject")
        assert put["eventCategory"] == "Data" and put["resources"][0]["ARN"] == "arn:aws:s3:::bbb/k"
        assert put["requestParameters"]["bucketName"] == "bbb" and put["requestID"]
    finally:
        other.stop()


def test_pages_hold_every_event_once(server):
    states, trail = server.admin("stepfunctions"), server.admin("cloudtrail")
    for number in range(120):
        states.create_activity(name=f"page-{number}")
    found = [record["requestParameters"]["name"] for record in named(trail, "CreateActivity") if "errorCode" not in record]
    assert found == [f"page-{number}" for number in reversed(range(120))]


def test_lookup_needs_its_permission_and_sees_its_account(server):
    key = server.user("stranger")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        server.client("cloudtrail", key).lookup_events()
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"


def test_full_files_go_and_the_command_shows_the_rest(tmp_path):
    (tmp_path / "stepwell.toml").write_text("[audit]\nevents = 'management'\nfile_bytes_max = 20000\nfiles_kept = 2\n")
    server = Server(tmp_path / "data").start()
    try:
        states = boto3.client("stepfunctions", endpoint_url=server.url, region_name="us-east-1",
                              aws_access_key_id="test", aws_secret_access_key="test")
        for number in range(100):
            states.create_activity(name=f"a-{number}")
        shown = server.run("audit", "--endpoint", server.url, "--event", "CreateActivity").splitlines()
        files = sorted(server.data.glob("audit/*.jsonl"))
        assert len(files) == 2 and all(file.stat().st_size <= 20000 for file in files)
        assert files[0].stat().st_mode & 0o777 == 0o600
        assert 0 < len(shown) < 100 and shown[0].endswith("activity:a-99") and "states:CreateActivity" in shown[0]
    finally:
        server.stop()
    # What was under way is written before the server ends.
    assert [r for r in written(server) if r["eventName"] == "LookupEvents"]


def test_no_log_is_said(own_server):
    own_server.start()
    trail = boto3.client("cloudtrail", endpoint_url=own_server.url, region_name="us-east-1",
                         aws_access_key_id="test", aws_secret_access_key="test")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        trail.lookup_events()
    assert error.value.response["Error"]["Code"] == "UnsupportedOperationException"
    assert not (own_server.data / "audit").exists()
    assert urllib.request.urlopen(f"{own_server.url}/_stepwell/health").status == 200
