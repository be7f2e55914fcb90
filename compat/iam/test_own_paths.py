"""Our own paths, where refusals are meant: what the console may see is what its user may."""

import json
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from enforcing import ACCOUNT, server  # noqa: F401 - a fixture
from test_every_operation import vault_key

import pipeline
from pipeline import until

# Everything below /_stepwell/ that answers; whether anybody may ask.
PATHS = {
    ("GET", "health"): True,
    ("GET", "metrics"): True,
    ("GET", "console/"): True,
    ("GET", "changes"): False,
    ("POST", "graph"): False,
    ("POST", "denials"): False,
}
NONE = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})


def ask(server, method, path, body=None, key=None, service="states", wrong=None):  # noqa: F811
    """Status and the beginning of the body."""
    data = json.dumps(body or {}).encode() if method == "POST" else None
    url = f"{server.url}/_stepwell/{path}"
    headers = {"Content-Type": "application/json"} if data else {}
    if key:
        request = botocore.awsrequest.AWSRequest(method, url, data=data, headers=headers)
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(*key), service, "us-east-1").add_auth(request)
        headers = dict(request.headers)
    if wrong is not None:
        data = json.dumps(wrong).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=30) as answer:
            return answer.status, answer.read(1 if path == "changes" else -1)
    except urllib.error.HTTPError as error:
        # The error's name is in the body, or in a header.
        kind = error.headers.get("x-amzn-errortype")
        return error.code, json.dumps({"__type": kind}).encode() if kind else error.read()


def code(answer):
    status, body = answer
    return status, json.loads(body)["__type"].split("#")[-1]


@pytest.fixture(scope="module")
def execution(server):  # noqa: F811
    """An execution of the first account's."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    server.admin("iam").create_role(RoleName="paths", AssumeRolePolicyDocument=trust)
    states = server.admin("stepfunctions")
    # A Task that the role may not do.
    definition = json.dumps({"StartAt": "T", "States": {"T": pipeline.task("aws-sdk:s3:listBuckets", {})}})
    machine = states.create_state_machine(
        name="paths", definition=definition, roleArn=f"arn:aws:iam::{ACCOUNT}:role/paths")["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    until(lambda: states.describe_execution(executionArn=arn), lambda it: it["status"] == "FAILED", 30)
    return machine, arn


@pytest.mark.parametrize("method,path", PATHS)
def test_who_may_ask(server, method, path):  # noqa: F811
    body = {"definition": NONE}
    if PATHS[method, path]:
        # The console is left out of programs that were made without it.
        assert ask(server, method, path)[0] == 200 or path == "console/"
        return
    assert code(ask(server, method, path, body))[1] == "MissingAuthenticationTokenException"
    assert code(ask(server, method, path, body, (server.key[0], "wrong")))[1] == "InvalidSignatureException"
    assert code(ask(server, method, path, body, ("AKIAIOSFODNN7EXAMPLE", "x")))[1] == "UnrecognizedClientException"
    if method == "POST":
        changed = ask(server, method, path, body, server.key, wrong={"executionArn": "arn:aws:states:us-east-1:1:x"})
        assert code(changed)[1] == "InvalidSignatureException"


def test_what_is_not_there_is_not_there(server):  # noqa: F811
    for method, path in (("GET", "graph"), ("POST", "changes"), ("GET", "denials"), ("GET", "../etc"), ("DELETE", "graph"),
                         ("GET", "records"), ("POST", "console/")):
        assert ask(server, method, path, {}, server.key)[0] in (404, 405), (method, path)


def test_a_picture_shows_what_its_asker_may_see(server, execution):  # noqa: F811
    machine, arn = execution
    nobody, other = server.user("onlooker"), vault_key(server, "111111111111")
    for asked in ({"stateMachineArn": machine}, {"executionArn": arn}):
        status, body = ask(server, "POST", "graph", asked, server.key)
        assert (status, "T" in [node["name"] for node in json.loads(body)["nodes"]]) == (200, True)
        for key in (nobody, other):
            assert code(ask(server, "POST", "graph", asked, key)) == (400, "AccessDeniedException"), asked
    # One's own text is nobody's secret.
    assert ask(server, "POST", "graph", {"definition": NONE}, nobody)[0] == 200
    # Right by right: the machine, then the execution, then what happened in it.
    rights = []
    wanted = ["states:DescribeExecution", "states:GetExecutionHistory", "states:DescribeStateMachineForExecution"]
    for right in wanted:
        assert code(ask(server, "POST", "graph", {"executionArn": arn}, nobody))[1] == "AccessDeniedException", rights
        rights.append(right)
        server.admin("iam").put_user_policy(UserName="onlooker", PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": rights, "Resource": "*"}]}))
    assert ask(server, "POST", "graph", {"executionArn": arn}, nobody)[0] == 200


def test_refusals_are_told_to_whom_may_describe_the_execution(server, execution):  # noqa: F811
    _, arn = execution
    status, body = ask(server, "POST", "denials", {"executionArn": arn}, server.key)
    (denial,) = json.loads(body)["denials"]
    assert (status, denial["action"]) == (200, "s3:ListAllMyBuckets")
    assert denial["hint"] == ('To allow it, add to a policy of the role paths: '
                              '{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"arn:aws:s3:::*"}')
    reader, other = server.user("denials-nobody"), vault_key(server, "111111111111")
    for key in (reader, other):
        assert code(ask(server, "POST", "denials", {"executionArn": arn}, key))[1] == "AccessDeniedException"
    assert code(ask(server, "POST", "denials", {}, server.key))[1] == "ValidationException"


def test_changes_are_followed_by_whom_may_list(server):  # noqa: F811
    nobody = server.user("follower")
    assert code(ask(server, "GET", "changes", key=nobody))[1] == "AccessDeniedException"
    server.admin("iam").attach_user_policy(UserName="follower", PolicyArn="arn:aws:iam::aws:policy/AWSStepFunctionsReadOnlyAccess")
    assert ask(server, "GET", "changes", key=nobody)[0] == 200
