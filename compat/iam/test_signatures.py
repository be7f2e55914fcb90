"""Who signed it: AWS's own signer against our verification, and what becomes of a signature that is wrong."""

import base64
import datetime
import hashlib
import http.client
import json
import urllib.parse
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

from enforcing import server  # noqa: F401 - a fixture

REGION = "us-east-1"


def refused(call):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call()
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def get(url, method="GET", data=None, headers={}):
    """Status and body, whatever the status."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_every_protocol_is_verified(server):
    assert server.admin("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/administrator"
    assert server.admin("stepfunctions").list_state_machines()["stateMachines"] == []
    assert server.admin("sagemaker").list_models()["Models"] == []
    assert server.admin("iam").list_users()["Users"][0]["UserName"] == "administrator"
    assert server.admin("logs").describe_log_groups()["logGroups"] == []
    assert server.admin("cloudwatch").list_metrics()["Metrics"] == []
    code, _ = refused(lambda: server.admin("sagemaker-runtime").invoke_endpoint(EndpointName="none", Body=b"1,2"))
    assert code == "ValidationError"
    server.admin("s3").create_bucket(Bucket="every-protocol")


@pytest.mark.parametrize("key", [
    "plain", "a b+c", "ä/ö ü", "~.-_", "!*'()", "x=1&y=2;z", "a//b", "percent%41", "dollar$@:,", "colon:/at@", "\u65e5\u672c"])
def test_keys_of_all_letters(server, key):
    s3 = server.admin("s3")
    s3.create_bucket(Bucket="letters")
    s3.put_object(Bucket="letters", Key=key, Body=b"here", Metadata={"spaces": "a   b "}, Tagging="k=v w&x=%2F")
    assert s3.get_object(Bucket="letters", Key=key)["Body"].read() == b"here"
    assert key in [item["Key"] for item in s3.list_objects_v2(Bucket="letters", Prefix=key[:3])["Contents"]]
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "letters", "Key": key})
    assert get(url) == (200, b"here")


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls(server, version):
    s3 = server.admin("s3", signature_version=version)
    s3.create_bucket(Bucket="presigned")
    put = s3.generate_presigned_url("put_object", Params={"Bucket": "presigned", "Key": "a b", "ContentType": "text/x"})
    assert get(put, "PUT", b"hello", {"Content-Type": "text/x"})[0] == 200
    assert get(put, "PUT", b"hello", {"Content-Type": "text/y"})[0] == 403
    url = s3.generate_presigned_url("get_object", Params={
        "Bucket": "presigned", "Key": "a b", "ResponseContentType": "text/plain; charset=utf-8"})
    assert get(url) == (200, b"hello")
    assert get(url.replace("a%20b", "a%20c"))[0] == 403
    assert get(url.replace("text%2Fplain", "text%2Fhtml"))[0] == 403
    status, body = get(url, "DELETE")
    assert status == 403 and b"SignatureDoesNotMatch" in body
    late = s3.generate_presigned_url("get_object", Params={"Bucket": "presigned", "Key": "a b"}, ExpiresIn=-5)
    status, body = get(late)
    assert status in (400, 403) and b"</Error>" in body
    # Version 2 in the header, too.
    if version == "s3":
        assert s3.get_object(Bucket="presigned", Key="a b")["Body"].read() == b"hello"


def test_a_post_of_a_form_to_another_name_of_ours(server):
    """The host is signed: it cannot be swapped."""
    request = signed(server, server.key, "sts", b"Action=GetCallerIdentity&Version=2011-06-15", form=True)
    assert send(server, request)[0] == 200
    request.headers["Host"] = f"localhost:{server.port}"
    assert send(server, request)[0] == 403


def signed(server, key, service, body, form=False, token=None, signer=botocore.auth.SigV4Auth, at=None, **headers):
    """A request signed by botocore, to be changed before it is sent."""
    kind = "application/x-www-form-urlencoded" if form else "application/x-amz-json-1.0"
    request = botocore.awsrequest.AWSRequest(
        "POST", f"{server.url}/", data=body,
        headers={"Content-Type": kind, "Host": f"127.0.0.1:{server.port}", **headers})
    credentials = botocore.credentials.Credentials(*key, token)
    before = botocore.auth.get_current_datetime
    try:
        if at:
            botocore.auth.get_current_datetime = lambda *_, **__: at
        signer(credentials, service, REGION).add_auth(request)
    finally:
        botocore.auth.get_current_datetime = before
    return request


def send(server, request, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest(request.method, urllib.parse.urlsplit(request.url).path or "/", skip_host=True,
                          skip_accept_encoding=True)
    body = request.data if body is None else body
    for name, value in request.headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, answer.read()


LIST = {"X-Amz-Target": "AWSStepFunctions.ListStateMachines"}


def told(answer):
    status, body = answer
    try:
        return status, json.loads(body)["__type"].split("#")[-1]
    except ValueError:
        return status, body.decode().split("<Code>")[1].split("</Code>")[0]


def test_what_is_changed_on_the_way_is_refused(server):
    states = lambda **more: signed(server, server.key, "states", b"{}", **LIST, **more)
    assert send(server, states())[0] == 200
    mismatch = (400, "InvalidSignatureException")
    assert told(send(server, states(), body=b'{"maxResults": 1}')) == mismatch
    request = states()
    request.headers.replace_header("X-Amz-Target", "AWSStepFunctions.ListActivities")
    assert told(send(server, request)) == mismatch
    request = states()
    request.headers["X-Amz-Security-Token"] = "token"
    assert send(server, request)[0] in (400, 403)
    request = states()
    request.headers.replace_header("Authorization", request.headers["Authorization"][:-4] + "0000")
    assert told(send(server, request)) == mismatch
    # A signature for one service is none for another.
    assert told(send(server, signed(server, server.key, "sagemaker", b"{}", **LIST))) == mismatch
    assert told(send(server, signed(server, ("AKIANOBODY0000000000", "x"), "states", b"{}", **LIST))) == (
        400, "UnrecognizedClientException")
    assert told(send(server, signed(server, (server.key[0], "wrong"), "states", b"{}", **LIST))) == mismatch
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    for minutes in (-16, 16):
        assert told(send(server, states(at=now + datetime.timedelta(minutes=minutes)))) == mismatch, minutes
    for minutes in (-14, 14):
        assert send(server, states(at=now + datetime.timedelta(minutes=minutes)))[0] == 200, minutes
    request = states()
    del request.headers["Authorization"]
    assert told(send(server, request)) == (400, "MissingAuthenticationTokenException")


def test_temporary_credentials(server):
    sts = server.admin("sts")
    given = sts.get_session_token(DurationSeconds=900)["Credentials"]
    key, token = (given["AccessKeyId"], given["SecretAccessKey"]), given["SessionToken"]
    assert server.client("stepfunctions", key, token).list_state_machines()["stateMachines"] == []
    assert refused(server.client("stepfunctions", key).list_state_machines) == ("UnrecognizedClientException", 400)
    assert refused(server.client("stepfunctions", key, token[:-1] + "!").list_state_machines) == (
        "UnrecognizedClientException", 400)
    assert refused(server.client("sts", key).get_caller_identity) == ("InvalidClientTokenId", 403)
    assert refused(server.client("s3", key).list_buckets) == ("InvalidToken", 400)
    assert refused(server.client("sts", server.key, token).get_caller_identity) == ("InvalidClientTokenId", 403)


def chunked(server, body, change=lambda chunk: chunk):
    """A PutObject whose chunks are signed, as the Java SDK sends it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    date, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    host, path = f"127.0.0.1:{server.port}", "/chunks/object"
    headers = {"content-encoding": "aws-chunked", "host": host, "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
               "x-amz-date": date, "x-amz-decoded-content-length": str(len(body))}
    names = ";".join(headers)
    canonical = "\n".join(["PUT", path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names,
                           headers["x-amz-content-sha256"]])
    scope = f"{day}/{REGION}/s3/aws4_request"
    hashed = lambda data: hashlib.sha256(data).hexdigest()
    signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(*server.key), "s3", REGION)
    key = ("AWS4" + server.key[1]).encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = signer._sign(key, part)
    sign = lambda text: signer._sign(key, text, hex=True)
    seed = previous = sign("\n".join(["AWS4-HMAC-SHA256", date, scope, hashed(canonical.encode())]))
    sent = b""
    for chunk in [body[at:at + 8192] for at in range(0, len(body), 8192)] + [b""]:
        previous = sign("\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, hashed(b""), hashed(chunk)]))
        sent += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + change(chunk) + b"\r\n"
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={server.key[0]}/{scope},SignedHeaders={names},Signature={seed}"
    return get(f"{server.url}{path}", "PUT", sent, headers)


def test_signed_chunks(server):
    s3 = server.admin("s3")
    s3.create_bucket(Bucket="chunks")
    body = bytes(range(256)) * 100
    assert chunked(server, body)[0] == 200
    assert s3.get_object(Bucket="chunks", Key="object")["Body"].read() == body
    status, answer = chunked(server, body[:-1] + b"!", lambda chunk: chunk.replace(b"!", b"?"))
    assert status == 403 and b"SignatureDoesNotMatch" in answer
    assert s3.get_object(Bucket="chunks", Key="object")["Body"].read() == body


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_another_body_than_the_signed_one_is_not_stored(server, size):
    s3 = server.admin("s3")
    s3.create_bucket(Bucket="bodies")
    url = f"{server.url}/bodies/object-{size}"
    request = botocore.awsrequest.AWSRequest("PUT", url, data=b"a" * size)
    botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(*server.key), "s3", REGION).add_auth(request)
    headers = dict(request.headers.items())
    status, answer = get(url, "PUT", b"b" * size, headers)
    assert status == 400 and b"XAmzContentSHA256Mismatch" in answer
    assert refused(lambda: s3.head_object(Bucket="bodies", Key=f"object-{size}"))[1] == 404
    assert get(url, "PUT", b"a" * size, headers)[0] == 200
    s3.upload_fileobj(__import__("io").BytesIO(b"c" * (12 << 20)), "bodies", "parts")
    assert s3.head_object(Bucket="bodies", Key="parts")["ContentLength"] == 12 << 20


def test_secrets_are_sealed_and_in_no_log(server):
    secret = server.user("sealed")[1]
    sts = server.admin("sts").get_session_token()["Credentials"]
    secrets = [server.key[1], secret, sts["SecretAccessKey"], sts["SessionToken"]]
    files = [file for file in server.data.rglob("*") if file.is_file()] + [server.log]
    assert any(file.name.startswith("stepwell.db") for file in files)
    for file in files:
        content = file.read_bytes()
        for text in secrets:
            assert text.encode() not in content, file
            assert base64.b64encode(text.encode()) not in content, file
    assert (server.data / "secrets.key").stat().st_mode & 0o777 == 0o600


def test_an_inactive_key_is_nobodys(server):
    key = server.user("inactive", "AWSStepFunctionsReadOnlyAccess")
    assert server.client("stepfunctions", key).list_state_machines()["stateMachines"] == []
    iam = server.admin("iam")
    iam.update_access_key(UserName="inactive", AccessKeyId=key[0], Status="Inactive")
    assert refused(server.client("stepfunctions", key).list_state_machines) == ("UnrecognizedClientException", 400)
    assert iam.list_access_keys(UserName="inactive")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    iam.update_access_key(UserName="inactive", AccessKeyId=key[0], Status="Active")
    assert server.client("stepfunctions", key).list_state_machines()["stateMachines"] == []
