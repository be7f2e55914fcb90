"""Buckets with policies, where refusals are meant: what is open to everybody needs no signature, and nothing else goes
without one."""

import json
import urllib.error
import urllib.request

import boto3
import botocore
import botocore.exceptions
import pytest
from botocore.config import Config
from enforcing import Enforcing, server  # noqa: F401 - a fixture


def get(server, path, **headers):  # noqa: F811
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{server.url}/{path}", headers=headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def allow(principal, action, resource):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}]})


def test_everybody_reads_what_is_public(server):  # noqa: F811
    s3 = server.admin("s3")
    s3.create_bucket(Bucket="site")
    s3.put_object(Bucket="site", Key="public/page", Body=b"hello")
    s3.put_object(Bucket="site", Key="private/page", Body=b"secret")
    assert get(server, "site/public/page")[0] == 403
    policy = allow("*", "s3:GetObject", "arn:aws:s3:::site/public/*")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        s3.put_bucket_policy(Bucket="site", Policy=policy)
    assert "BlockPublicPolicy" in refused.value.response["Error"]["Message"]
    s3.put_public_access_block(Bucket="site", PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True})
    s3.put_bucket_policy(Bucket="site", Policy=policy)
    assert s3.get_bucket_policy_status(Bucket="site")["PolicyStatus"]["IsPublic"] is True
    assert json.loads(s3.get_bucket_policy(Bucket="site")["Policy"]) == json.loads(policy)

    assert get(server, "site/public/page") == (200, b"hello")
    assert get(server, "public/page", Host="site.s3.localhost") == (200, b"hello")
    unsigned = boto3.client("s3", endpoint_url=server.url, region_name="us-east-1",
                            config=Config(signature_version=botocore.UNSIGNED, s3={"addressing_style": "path"}))
    assert unsigned.get_object(Bucket="site", Key="public/page")["Body"].read() == b"hello"
    for call in (lambda: unsigned.get_object(Bucket="site", Key="private/page"),
                 lambda: unsigned.put_object(Bucket="site", Key="public/page", Body=b"x"),
                 lambda: unsigned.delete_bucket_policy(Bucket="site"),
                 lambda: unsigned.copy_object(Bucket="site", Key="public/x", CopySource="site/private/page"),
                 lambda: unsigned.list_objects_v2(Bucket="site"),
                 lambda: unsigned.list_buckets()):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
    # A wrong signature is none that may be left out.
    wrong = server.client("s3", (server.key[0], "wrong"))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        wrong.get_object(Bucket="site", Key="public/page")
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"

    referred = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site/*",
        "Condition": {"StringLike": {"aws:Referer": "https://site.example/*"}}}]}
    s3.put_bucket_policy(Bucket="site", Policy=json.dumps(referred))
    assert get(server, "site/public/page")[0] == 403
    assert get(server, "site/public/page", Referer="https://other.example/x")[0] == 403
    assert get(server, "site/public/page", Referer="https://site.example/x") == (200, b"hello")

    s3.delete_bucket_policy(Bucket="site")
    assert get(server, "site/public/page")[0] == 403
    assert s3.get_object(Bucket="site", Key="public/page")["Body"].read() == b"hello"


def test_a_user_is_let_in_by_the_bucket_alone(server):  # noqa: F811
    s3 = server.admin("s3")
    s3.create_bucket(Bucket="shared")
    s3.put_object(Bucket="shared", Key="k", Body=b"1")
    reader = server.client("s3", server.user("reader"))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        reader.get_object(Bucket="shared", Key="k")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    s3.put_bucket_policy(Bucket="shared", Policy=allow(
        {"AWS": "arn:aws:iam::000000000000:user/reader"}, "s3:GetObject", "arn:aws:s3:::shared/*"))
    assert reader.get_object(Bucket="shared", Key="k")["Body"].read() == b"1"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        s3.put_bucket_policy(Bucket="shared", Policy=allow("*", "s3:GetObject", "arn:aws:s3:::another/*"))
    assert refused.value.response["Error"]["Code"] == "MalformedPolicy"


def denying(bucket, condition, action="s3:PutObject"):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": action, "Condition": condition,
         "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]})


def code(call):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


def test_a_policy_sees_where_a_request_comes_from_and_what_it_says(server):  # noqa: F811
    root = server.admin("s3")
    root.create_bucket(Bucket="narrow")
    s3 = server.client("s3", server.user("narrowed", "AmazonS3FullAccess"), user_agent="teller/1.0")
    put = lambda key="k", **more: code(lambda: s3.put_object(Bucket="narrow", Key=key, Body=b"1", **more))
    for condition, outcome in [
        ({"Bool": {"aws:SecureTransport": "false"}}, "AccessDenied"),
        ({"Bool": {"aws:SecureTransport": "true"}}, "done"),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, "AccessDenied"),
        ({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}}, "done"),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.1"}}, "AccessDenied"),
        ({"StringNotLike": {"aws:UserAgent": "teller/*"}}, "done"),
        ({"StringLike": {"aws:UserAgent": "teller/*"}}, "AccessDenied"),
        ({"StringEquals": {"aws:username": "narrowed"}}, "AccessDenied"),
        ({"StringNotEquals": {"aws:username": "narrowed"}}, "done"),
        ({"StringNotEquals": {"aws:PrincipalType": "User"}}, "done"),
        ({"StringNotEquals": {"aws:PrincipalAccount": "000000000000"}}, "done"),
        ({"StringNotEquals": {"aws:ResourceAccount": "000000000000"}}, "done"),
        ({"StringNotEquals": {"s3:ResourceAccount": "000000000000"}}, "done"),
        ({"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}, "done"),
        ({"Bool": {"aws:ViaAWSService": "false"}}, "AccessDenied"),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, "done"),
        ({"NumericGreaterThan": {"aws:EpochTime": "1577836800"}}, "AccessDenied"),
        ({"Null": {"aws:TokenIssueTime": "false"}}, "done"),
    ]:
        root.put_bucket_policy(Bucket="narrow", Policy=denying("narrow", condition))
        assert put() == outcome, condition
    root.put_bucket_policy(Bucket="narrow", Policy=denying("narrow", {"StringNotEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}))
    assert put() == "AccessDenied"
    assert put(ACL="bucket-owner-full-control") != "AccessDenied"
    root.put_bucket_policy(Bucket="narrow", Policy=denying("narrow", {"StringEquals": {"s3:x-amz-storage-class": "GLACIER"}}))
    assert (put(), put(StorageClass="GLACIER")) == ("done", "AccessDenied")
    root.put_bucket_policy(Bucket="narrow", Policy=denying("narrow", {"StringNotLike": {"s3:prefix": "mine/*"}}, "s3:ListBucket"))
    listed = lambda **more: code(lambda: s3.list_objects_v2(Bucket="narrow", **more))
    assert (listed(), listed(Prefix="mine/")) == ("AccessDenied", "done")
    root.put_bucket_policy(Bucket="narrow", Policy=denying("narrow", {"NumericGreaterThan": {"s3:max-keys": "10"}}, "s3:ListBucket"))
    assert (listed(MaxKeys=11), listed(MaxKeys=10)) == ("AccessDenied", "done")
    root.delete_bucket_policy(Bucket="narrow")


def test_a_role_sees_its_session(server):  # noqa: F811
    iam, sts = server.admin("iam"), server.client("sts", server.user("taker", "AdministratorAccess"))
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:user/taker"}, "Action": "sts:AssumeRole"}]})
    role = iam.create_role(RoleName="seen", AssumeRolePolicyDocument=trust, Tags=[{"Key": "team", "Value": "blue"}])["Role"]
    session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="shift")["Credentials"]
    s3 = server.client("s3", (session["AccessKeyId"], session["SecretAccessKey"]), session["SessionToken"])
    for condition, outcome in [
        ({"StringEquals": {"aws:userid": f"{role['RoleId']}:shift"}}, "done"),
        ({"StringEquals": {"aws:userid": role["RoleId"]}}, "AccessDenied"),
        ({"StringLike": {"aws:userid": f"{role['RoleId']}:*"}}, "done"),
        ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, "done"),
        ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, "AccessDenied"),
        ({"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}, "done"),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, "AccessDenied"),
        ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, "done"),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}}, "done"),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, "AccessDenied"),
    ]:
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": condition}]}
        iam.put_role_policy(RoleName="seen", PolicyName="only", PolicyDocument=json.dumps(policy))
        assert code(s3.list_buckets) == outcome, condition


def test_encrypted_requests_are_told_from_others(tmp_path):
    server = Enforcing(tmp_path / "data", ["--iam", "enforce", "--tls", "generate"], scheme="https").start()
    try:
        root = server.admin("s3")
        root.create_bucket(Bucket="secure")
        for condition, outcome in [
            ({"Bool": {"aws:SecureTransport": "false"}}, "done"),
            ({"Bool": {"aws:SecureTransport": "true"}}, "AccessDenied"),
            ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, "done"),
            ({"NumericGreaterThanEquals": {"s3:TlsVersion": "1.2"}}, "AccessDenied"),
        ]:
            root.put_bucket_policy(Bucket="secure", Policy=denying("secure", condition, "s3:ListBucket"))
            assert code(lambda: root.list_objects_v2(Bucket="secure")) == outcome, condition
    finally:
        server.stop()


@pytest.mark.parametrize(("version", "name"), [("s3v4", "AWS4-HMAC-SHA256"), ("s3", "AWS")])
def test_a_policy_sees_how_a_request_is_signed(server, version, name):  # noqa: F811
    root = server.admin("s3", signature_version=version)
    bucket = f"signed-{version}"
    root.create_bucket(Bucket=bucket)
    root.put_object(Bucket=bucket, Key="k", Body=b"here")
    url = root.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}).removeprefix(f"{server.url}/")
    for condition, in_header, in_url in [
        ({"StringEquals": {"s3:authType": "REST-HEADER"}}, "AccessDenied", 200),
        ({"StringNotEquals": {"s3:authType": "REST-HEADER"}}, "done", 403),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, "done", 403),
        ({"StringEquals": {"s3:signatureversion": name}}, "AccessDenied", 403),
        ({"StringNotEquals": {"s3:signatureversion": name}}, "done", 200),
        # A URL of version 2 does not say when it was made.
        ({"NumericLessThan": {"s3:signatureAge": "600000"}}, *(("AccessDenied", 403) if version == "s3v4" else ("done", 200))),
        ({"NumericGreaterThan": {"s3:signatureAge": "600000"}}, "done", 200),
    ]:
        root.put_bucket_policy(Bucket=bucket, Policy=denying(bucket, condition, "s3:GetObject"))
        assert code(lambda: root.get_object(Bucket=bucket, Key="k")) == in_header, condition
        assert get(server, url)[0] == in_url, condition
