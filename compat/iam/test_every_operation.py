"""Every operation of every service here, made from AWS's models: without a signature, with a wrong one, with one of
yesterday, with a session that is over, by somebody without permissions, and by another account's administrator. None is left out."""

import base64
import datetime
import hashlib
import hmac
import json
import re
import sqlite3
import urllib.request

import boto3
import botocore
import botocore.auth
import botocore.exceptions
import botocore.httpsession
import pytest
from botocore.config import Config
from enforcing import ACCOUNT, Enforcing

OTHER = "111111111111"
SECRET = "tenant-a-hidden"
NOT_SERVED = {"UnknownOperationException", "NotImplemented", "InvalidAction", "MethodNotAllowed"}
# Who may call them is seen by something else than a signature, or everybody may.
OPEN = {("sts", "AssumeRoleWithWebIdentity"), ("sts", "AssumeRoleWithSAML")}
# Of s3's model, but other services answer them.
ELSEWHERE = {("s3", "ListDirectoryBuckets"), ("s3", "WriteGetObjectResponse")}
# Too new to be told from CreateBucket, whose body theirs is not.
UNKNOWN = {"PutBucketAbac", "PutBucketNotification", "UpdateBucketMetadataAnnotationTableConfiguration",
           "UpdateBucketMetadataInventoryTableConfiguration", "UpdateBucketMetadataJournalTableConfiguration"}
FREE = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
MISSING = {"json": {"MissingAuthenticationTokenException"}, "query": {"MissingAuthenticationToken"},
           "rest-json": {"MissingAuthenticationTokenException", "AccessDenied"}, "rest-xml": {"AccessDenied"}}
MISMATCH = {"json": {"InvalidSignatureException"}, "query": {"SignatureDoesNotMatch"},
            "rest-json": {"InvalidSignatureException"}, "rest-xml": {"SignatureDoesNotMatch"}}
LATE = {**MISMATCH, "rest-xml": {"RequestTimeTooSkewed"}}
EXPIRED = {"json": {"ExpiredTokenException"}, "query": {"ExpiredToken"}, "rest-json": {"ExpiredTokenException"},
           "rest-xml": {"ExpiredToken"}}
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("every")
    (folder / "stepwell.toml").write_text("wrong_signatures_per_second = 100000\n[iam]\nmode = \"enforce\"\n")
    server = Enforcing(folder / "data").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def services(server):
    """The clients' names of what is served."""
    health = json.load(urllib.request.urlopen(f"{server.url}/_stepwell/health"))
    return [name for name in health["services"] if name in boto3.session.Session().get_available_services()]


@pytest.fixture(scope="module")
def hidden(server):
    """Something of the first account's in each service that lists."""
    server.admin("s3").create_bucket(Bucket=SECRET)
    server.admin("iam").create_role(RoleName=SECRET, AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    server.admin("iam").create_user(UserName=SECRET)
    server.admin("logs").create_log_group(logGroupName=SECRET)
    states = server.admin("stepfunctions")
    states.create_activity(name=SECRET)
    states.create_state_machine(
        name=SECRET, roleArn=f"arn:aws:iam::{ACCOUNT}:role/{SECRET}",
        definition='{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}')


def vault_key(server, account):
    """The root user's key of an account, as whoever may read the server's key makes it."""
    key = bytes.fromhex((server.data / "secrets.key").read_text().strip())
    name = f"STEPWELL{account}"
    return name, base64.b64encode(hmac.new(key, name.encode(), hashlib.sha256).digest()).decode()


@pytest.fixture(scope="module")
def stranger(server):
    """Another account's administrator."""
    iam = server.client("iam", vault_key(server, OTHER))
    iam.create_user(UserName="b")
    iam.attach_user_policy(UserName="b", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = iam.create_access_key(UserName="b")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


CANDIDATES = ["a", SECRET, f"arn:aws:iam::{ACCOUNT}:role/{SECRET}", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/m",
              f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{SECRET}", f"arn:aws:s3:::{SECRET}", "s3://bucket/key",
              "123456789012", "1", "2026-01-01", "https://example.org/x", "ml.m5.large", "aaaaaaaaaaaaaaaa",
              "683313688378.dkr.ecr.us-east-1.amazonaws.com/x:1", "us-east-1", "{}", "a@example.org", "10.0.0.0/16"]
STATES_ARN = f"arn:aws:states:us-east-1:{ACCOUNT}:"


def text(name, shape, service):
    """A string that the model takes."""
    if shape.enum:
        return shape.enum[0]
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 10**9)
    pattern = shape.metadata.get("pattern", ".*")
    lower = name.lower()
    first = {"versionid": ["v1"], "copysource": [f"{SECRET}/key"]}.get(lower, [])
    if service == "stepfunctions" and lower.endswith("arn"):
        kind = {"activityarn": f"activity:{SECRET}", "executionarn": f"execution:{SECRET}:e",
                "maprunarn": f"mapRun:{SECRET}/l:00000000-0000-0000-0000-000000000000",
                "statemachinealiasarn": f"stateMachine:{SECRET}:alias", "statemachineversionarn": f"stateMachine:{SECRET}:1"}
        first = [f"arn:aws:iam::{ACCOUNT}:role/{SECRET}" if lower == "rolearn"
                 else STATES_ARN + kind.get(lower, f"stateMachine:{SECRET}")]
    elif service == "iam" and lower.endswith("arn"):
        first = [f"arn:aws:iam::{ACCOUNT}:policy/{SECRET}" if "policy" in lower else f"arn:aws:iam::{ACCOUNT}:role/{SECRET}"]
    elif lower.endswith("arn") and "role" not in lower:
        first = [f"arn:aws:{service}:us-east-1:{ACCOUNT}:thing/{SECRET}"]
    elif lower in ("bucket", "rolename", "username", "loggroupname"):
        first = [SECRET]
    for candidate in first + CANDIDATES:
        candidate = candidate.ljust(low, "a")
        try:
            fits = re.fullmatch(pattern, candidate, re.S)
        except re.error:
            fits = True
        if fits and low <= len(candidate) <= high:
            return candidate
    return "a" * max(low, 1)


def value(name, shape, service, depth=0):
    """The least that the model takes."""
    kind = shape.type_name
    if kind == "structure":
        members = list(shape.required_members)
        payload = shape.serialization.get("payload")
        if payload and payload not in members and shape.members[payload].type_name == "structure":
            members.append(payload)
        if not members and depth and shape.members:
            members = [next(iter(shape.members))]
        return {member: value(member, shape.members[member], service, depth + 1) for member in members} if depth < 6 else {}
    if kind == "list":
        return [value(name, shape.member, service, depth + 1)] * max(1, shape.metadata.get("min", 1))
    if kind == "map":
        return {text(name, shape.key, service): value(name, shape.value, service, depth + 1)}
    if kind == "string":
        return text(name, shape, service)
    return {"blob": b"{}", "boolean": True, "timestamp": datetime.datetime(2026, 1, 1), "float": 1.0, "double": 1.0}.get(
        kind, max(1, shape.metadata.get("min", 1)))


def requests(client):
    """Every operation of a service: method, name, protocol, input."""
    model = client.meta.service_model
    for method, name in client.meta.method_to_api_mapping.items():
        shape = model.operation_model(name).input_shape
        yield method, name, model.resolved_protocol, value("", shape, client.meta.service_model.service_name) if shape else {}


def client(server, service, key=("x", "x"), token=None, **config):
    config = Config(parameter_validation=False, inject_host_prefix=False, retries={"max_attempts": 0}, read_timeout=60,
                    s3={"addressing_style": "path"}, **config)
    return boto3.session.Session().client(
        service, endpoint_url=server.url, region_name="us-east-1", config=config,
        aws_access_key_id=key[0], aws_secret_access_key=key[1], aws_session_token=token)


def answer(client, method, given):
    """The error's code, or the answer."""
    try:
        return getattr(client, method)(**given), None
    except botocore.exceptions.ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        # The answer to a HEAD has no body that could tell.
        return None, {"403": "AccessDenied", "400": "RequestTimeTooSkewed", "404": "NoSuchBucket"}.get(code, code)


def check(server, services, key, expected, **config):
    seen, wrong = 0, []
    for service in services:
        caller = client(server, service, key, **config)
        for method, name, protocol, given in requests(caller):
            if (service, name) in OPEN | ELSEWHERE:
                continue
            seen += 1
            try:
                got, code = answer(caller, method, given)
            except (botocore.exceptions.BotoCoreError, TypeError, ValueError, KeyError, AttributeError) as error:
                # The client itself does not let it out.
                wrong.append((service, name, repr(error)))
                continue
            heads = name.startswith("Head") and code in ("AccessDenied", "RequestTimeTooSkewed")
            if got is not None or code not in expected[protocol] and not heads:
                wrong.append((service, name, code or "was answered"))
    assert not wrong, f"{len(wrong)} of {seen}\n" + "\n".join(map(str, wrong))
    assert seen > 500, seen


def test_without_a_signature(server, services):
    check(server, services, ("x", "x"), MISSING, signature_version=botocore.UNSIGNED)


def test_with_a_wrong_signature(server, services):
    check(server, services, (server.key[0], "wrong"), MISMATCH)


def test_with_a_signature_of_an_hour_ago(server, services, monkeypatch):
    then = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - datetime.timedelta(hours=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: then)
    check(server, services, server.key, LATE)


def test_with_a_session_whose_time_is_over(server, services):
    session = server.admin("sts").get_session_token(DurationSeconds=900)["Credentials"]
    # Nobody waits that long here: its end is put into the past.
    server.stop()
    database = sqlite3.connect(server.data / "stepwell.db")
    with database:
        found = database.execute("SELECT value FROM record WHERE key = ?", (session["AccessKeyId"],)).fetchone()
        stored = json.loads(found[0])
        stored["expires_at"] -= 901_000
        changed = database.execute("UPDATE record SET value = ? WHERE key = ?",
                                   (json.dumps(stored).encode(), session["AccessKeyId"]))
        assert changed.rowcount == 1
    database.close()
    administrator = server.key
    server.start().key = administrator
    key = session["AccessKeyId"], session["SecretAccessKey"]
    check(server, services, key, EXPIRED, token=session["SessionToken"])


def test_without_permissions(server, services, hidden):
    nobody = server.user("nobody")
    served, wrong = 0, []
    for service in services:
        caller, admin = client(server, service, nobody), client(server, service, server.key)
        for method, name, _, given in requests(caller):
            if (service, name) in OPEN | FREE | ELSEWHERE:
                continue
            got, code = answer(caller, method, given)
            if code in DENIED:
                served += 1
            elif service == "s3" and name in UNKNOWN and code == "MalformedXML":
                continue
            elif got is not None or code not in NOT_SERVED or answer(admin, method, given)[1] not in NOT_SERVED:
                wrong.append((service, name, code or "was answered"))
    assert not wrong, "\n" + "\n".join(map(str, wrong))
    assert served > 150, served


def test_by_another_account(server, services, hidden, stranger):
    served, wrong = 0, []
    for service in services:
        caller = client(server, service, stranger)
        for method, name, _, given in requests(caller):
            if (service, name) in OPEN | ELSEWHERE:
                continue
            got, code = answer(caller, method, given)
            if code in NOT_SERVED:
                continue
            served += 1
            told = json.dumps(got, default=str) if got is not None else ""
            names = json.dumps(given, default=str)
            arns = [arn for arn in re.findall(r"arn:aws:[^\"]*", names) if f":{ACCOUNT}:" in arn]
            bucket = service == "s3" and given.get("Bucket") == SECRET
            if arns and (got is not None or code not in DENIED | {"NoSuchEntity"}):
                wrong.append((service, name, code or "was answered", arns))
            elif bucket and got is not None:
                wrong.append((service, name, "the bucket was answered"))
            elif SECRET in told and SECRET not in names:
                wrong.append((service, name, "something was seen"))
    assert not wrong, "\n" + "\n".join(map(str, wrong))
    assert served > 150, served
    # And it is all still there.
    assert server.admin("s3").head_bucket(Bucket=SECRET)
    assert server.admin("iam").get_role(RoleName=SECRET)
