"""AssumeRoleWithWebIdentity: a local issuer vouches, boto3 asks, the token and the role's trust policy decide."""

import json
import os
import subprocess
import sys
import time

import boto3
import botocore
import botocore.exceptions
import jwt
import pytest
from botocore.config import Config

from enforcing import ACCOUNT, server  # noqa: F401 - a fixture
from issuer import Issuer


@pytest.fixture(scope="module", params=["RS256", "ES256"])
def issuer(request):
    issuer = Issuer(request.param)
    yield issuer
    issuer.stop()


def arn_of(issuer):
    return f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer.url.removeprefix('http://')}"


@pytest.fixture(scope="module")
def role(server, issuer):  # noqa: F811
    iam, name = server.admin("iam"), issuer.url.removeprefix("http://")
    provider = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["stepwell", "other"])
    assert provider["OpenIDConnectProviderArn"] == arn_of(issuer)
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Federated": arn_of(issuer)}, "Action": "sts:AssumeRoleWithWebIdentity",
         "Condition": {"StringEquals": {f"{name}:aud": "stepwell"}, "StringLike": {f"{name}:sub": "repo:org/*"}}},
        {"Effect": "Allow", "Principal": {"Federated": arn_of(issuer)}, "Action": "sts:TagSession",
         "Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}}}]}
    made = iam.create_role(RoleName=f"ci-{issuer.algorithm}", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    iam.put_role_policy(RoleName=made["RoleName"], PolicyName="may", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "*"},
            {"Effect": "Allow", "Action": "s3:DeleteBucket", "Resource": "*",
             "Condition": {"StringEquals": {f"{name}:sub": "repo:org/app", "aws:PrincipalTag/team": "blue"}}}]}))
    return made


def assume(server, role, token, **more):  # noqa: F811
    unsigned = Config(signature_version=botocore.UNSIGNED, retries={"max_attempts": 0})
    sts = boto3.session.Session().client("sts", endpoint_url=server.url, region_name="us-east-1", config=unsigned)
    return sts.assume_role_with_web_identity(RoleArn=role["Arn"], RoleSessionName="ci", WebIdentityToken=token, **more)


def refusal(server, role, token, **more):  # noqa: F811
    with pytest.raises(botocore.exceptions.ClientError) as error:
        assume(server, role, token, **more)
    found = error.value.response
    return found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"], found["Error"]["Message"]


def test_a_token_becomes_a_session(server, issuer, role):  # noqa: F811
    answer = assume(server, role, issuer.token(sub="repo:org/app"))
    assert answer["SubjectFromWebIdentityToken"] == "repo:org/app" and answer["Audience"] == "stepwell"
    assert answer["Provider"] == issuer.url
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == role["RoleId"] + ":ci"
    keys = answer["Credentials"]
    client = lambda name: server.client(name, (keys["AccessKeyId"], keys["SecretAccessKey"]), keys["SessionToken"])
    assert client("sts").get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]
    bucket = f"made-by-ci-{issuer.algorithm.lower()}"
    client("s3").create_bucket(Bucket=bucket)
    with pytest.raises(botocore.exceptions.ClientError):
        client("s3").delete_bucket(Bucket=bucket)
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"team": ["blue"]}}}
    keys = assume(server, role, issuer.token(sub="repo:org/app", **tags))["Credentials"]
    client("s3").delete_bucket(Bucket=bucket)
    wrong = {"https://aws.amazon.com/tags": {"principal_tags": {"team": ["red"]}}}
    assert refusal(server, role, issuer.token(sub="repo:org/app", **wrong))[:2] == ("AccessDenied", 403)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}]}
    keys = assume(server, role, issuer.token(sub="repo:org/app"), Policy=json.dumps(policy))["Credentials"]
    with pytest.raises(botocore.exceptions.ClientError):
        client("s3").create_bucket(Bucket="not-by-this-one")


def test_boto3_finds_the_token_file_by_itself(server, issuer, role, tmp_path):  # noqa: F811
    (tmp_path / "token").write_text(issuer.token(sub="repo:org/app"))
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_ARN": role["Arn"],
                  "AWS_ROLE_SESSION_NAME": "by-file", "AWS_ENDPOINT_URL": server.url, "AWS_DEFAULT_REGION": "us-east-1",
                  "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    ask = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    ended = subprocess.run([sys.executable, "-c", ask], env=variables, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['RoleName']}/by-file"


def test_what_is_wrong_with_a_token_is_said_as_aws_says_it(server, issuer, role):  # noqa: F811
    now, sub = int(time.time()), "repo:org/app"
    stranger = Issuer(issuer.algorithm)
    try:
        cases = [
            (issuer.token(sub=sub, exp=now - 1), ("ExpiredTokenException", 400), "Token expired: current date/time"),
            (issuer.token(sub=sub, aud="nobody"), ("InvalidIdentityToken", 400), "Incorrect token audience"),
            (issuer.token(sub=sub, azp="nobody"), ("InvalidIdentityToken", 400), "Incorrect token audience"),
            (issuer.token(sub=None), ("InvalidIdentityToken", 400), "Missing a required claim: sub"),
            (issuer.token(sub=sub, exp=None), ("InvalidIdentityToken", 400), "Missing a required claim: exp"),
            (issuer.token(sub=sub, nbf=now + 3600), ("InvalidIdentityToken", 400), "Token is not yet valid"),
            (stranger.token(sub=sub), ("InvalidIdentityToken", 400), "No OpenIDConnect provider found in your account"),
            (stranger.token(sub=sub, iss=issuer.url), ("InvalidIdentityToken", 400), "The signature of the ID Token"),
            (issuer.token(stranger.key, sub=sub), ("InvalidIdentityToken", 400), "The signature of the ID Token"),
            (issuer.token(sub=sub)[:-8] + "AAAAAAAA", ("InvalidIdentityToken", 400), "The signature of the ID Token"),
            ("nonsense", ("InvalidIdentityToken", 400), "The ID Token provided is not a valid JWT"),
            (issuer.token(sub=sub, **{"https://aws.amazon.com/tags": {"principal_tags": {"a": ["x", "y"]}}}),
             ("IDPRejectedClaim", 403), "one value"),
            (issuer.token(sub="repo:others/app"), ("AccessDenied", 403), "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
            # Known to the provider, but not what the role's trust policy asks for.
            (issuer.token(sub=sub, aud="other"), ("AccessDenied", 403), "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
        ]
        for token, wanted, text in cases:
            code, status, message = refusal(server, role, token)
            assert ((code, status), text in message) == (wanted, True), message
    finally:
        stranger.stop()
    nowhere = dict(role, Arn=role["Arn"] + "-not")
    assert refusal(server, nowhere, issuer.token(sub=sub))[:2] == ("AccessDenied", 403)
    none = dict(role, Arn=role["Arn"].replace(ACCOUNT, "111111111111"))
    assert "No OpenIDConnect provider" in refusal(server, none, issuer.token(sub=sub))[2]
    assert refusal(server, role, issuer.token(sub=sub), DurationSeconds=7200)[0] == "ValidationError"


def test_algorithms_that_prove_nothing_are_not_taken(server, issuer, role):  # noqa: F811
    claims = {"iss": issuer.url, "sub": "repo:org/app", "aud": "stepwell", "iat": 1, "exp": time.time() + 60}
    for token in (jwt.encode(claims, None, algorithm="none"), jwt.encode(claims, "secret" * 8, algorithm="HS256")):
        assert refusal(server, role, token)[0] == "InvalidIdentityToken"


def test_keys_are_asked_for_once_and_again_when_they_change(server, issuer, role):  # noqa: F811
    assume(server, role, issuer.token(sub="repo:org/app"))
    asked = len(issuer.asked)
    for _ in range(3):
        assume(server, role, issuer.token(sub="repo:org/app"))
    assert len(issuer.asked) == asked
    issuer.rotate()
    # Not more often than every few seconds: somebody could make up names of keys.
    deadline = time.monotonic() + 60
    while True:
        try:
            assume(server, role, issuer.token(sub="repo:org/app"))
            break
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidIdentityToken" and time.monotonic() < deadline
            time.sleep(0.2)
    assert issuer.asked[asked:] == ["/.well-known/openid-configuration", "/keys"]


def test_an_issuer_that_does_not_answer(server):  # noqa: F811
    iam, gone = server.admin("iam"), Issuer()
    gone.stop()
    iam.create_open_id_connect_provider(Url=gone.url, ClientIDList=["stepwell"])
    role = iam.create_role(RoleName="unreachable", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": arn_of(gone)},
                                                "Action": "sts:AssumeRoleWithWebIdentity"}]}))["Role"]
    assert refusal(server, role, gone.token())[:2] == ("IDPCommunicationError", 400)


def test_providers_are_kept(server):  # noqa: F811
    iam = server.admin("iam")
    thumbprint = "a" * 40
    arn = iam.create_open_id_connect_provider(
        Url="https://kept.test/path/", ClientIDList=["one"], ThumbprintList=[thumbprint],
        Tags=[{"Key": "k", "Value": "v"}])["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/kept.test/path"
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="two")
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="two")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="one")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="never")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["B" * 40])
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["k"])
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["Url"], found["ClientIDList"], found["ThumbprintList"], found["Tags"]) == (
        "kept.test/path", ["two"], ["B" * 40], [{"Key": "a", "Value": "b"}])
    assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert {"Arn": arn} in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]

    def refused(call, **asked):
        with pytest.raises(botocore.exceptions.ClientError) as error:
            call(**asked)
        return error.value.response["Error"]["Code"]

    assert refused(iam.create_open_id_connect_provider, Url="https://kept.test/path") == "EntityAlreadyExists"
    assert refused(iam.create_open_id_connect_provider, Url="http://kept.test") == "ValidationError"
    assert refused(iam.create_open_id_connect_provider, Url="https://x.test", ThumbprintList=["a" * 40] * 6) == "InvalidInput"
    assert refused(iam.create_open_id_connect_provider, Url="https://x.test", ClientIDList=["c"] * 101) == "LimitExceeded"
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert refused(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn) == "NoSuchEntity"
