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
from enforcing import server  # noqa: F401 - a fixture


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
