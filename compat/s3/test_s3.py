"""The object store as boto3 uses it."""

import base64
import hashlib
import os
import pathlib
import threading
import urllib.error
import urllib.request
import uuid
import zlib

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MEBIBYTE = 1024 * 1024


@pytest.fixture
def s3(server):
    return boto3.client("s3")


@pytest.fixture
def bucket(s3):
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def put(s3, bucket, *keys):
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())


def read(s3, bucket, key, **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def refused(code, status, call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    answer = raised.value.response
    assert answer["Error"]["Code"] == code, answer
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, answer
    assert answer["ResponseMetadata"]["RequestId"]
    return answer["Error"]


def test_buckets(s3, bucket):
    assert bucket in [listed["Name"] for listed in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket=bucket)
    refused("404", 404, s3.head_bucket, Bucket="no-such-bucket-anywhere")
    refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket="no-such-bucket-anywhere")
    refused("NoSuchBucket", 404, s3.put_object, Bucket="no-such-bucket-anywhere", Key="a", Body=b"")
    refused("InvalidBucketName", 400, s3.create_bucket, Bucket="Wrong_Name")
    put(s3, bucket, "a")
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)
    refused("404", 404, s3.head_bucket, Bucket=bucket)


def test_files_go_up_and_come_down_in_parts(s3, bucket, tmp_path):
    data = os.urandom(20 * MEBIBYTE + 7)
    (tmp_path / "up").write_bytes(data)
    config = TransferConfig(multipart_threshold=5 * MEBIBYTE, multipart_chunksize=5 * MEBIBYTE)
    s3.upload_file(str(tmp_path / "up"), bucket, "a/big file.bin", Config=config,
                   ExtraArgs={"Metadata": {"owner": "me"}, "ContentType": "application/x-test"})
    s3.download_file(bucket, "a/big file.bin", str(tmp_path / "down"), Config=config)
    assert (tmp_path / "down").read_bytes() == data
    head = s3.head_object(Bucket=bucket, Key="a/big file.bin")
    assert head["ContentLength"] == len(data) and head["ContentType"] == "application/x-test"
    assert head["Metadata"] == {"owner": "me"}
    # AWS's tag of an object in parts: the digest of the parts' digests, and how many there were.
    parts = [data[start:start + 5 * MEBIBYTE] for start in range(0, len(data), 5 * MEBIBYTE)]
    digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    assert head["ETag"] == f'"{digest}-{len(parts)}"'


def test_parts_are_listed_completed_and_aborted(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = [s3.upload_part(**where, PartNumber=number, Body=bytes([number]) * 5 * MEBIBYTE)["ETag"] for number in (1, 2)]
    assert [part["PartNumber"] for part in s3.list_parts(**where)["Parts"]] == [1, 2]
    assert [listed["UploadId"] for listed in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    refused("404", 404, s3.head_object, Bucket=bucket, Key="k")
    refused("InvalidPart", 400, s3.complete_multipart_upload, **where,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"' + "0" * 32 + '"'}]})
    refused("InvalidPartOrder", 400, s3.complete_multipart_upload, **where, MultipartUpload={
        "Parts": [{"PartNumber": number, "ETag": tags[number - 1]} for number in (2, 1)]})
    s3.complete_multipart_upload(**where, MultipartUpload={
        "Parts": [{"PartNumber": number, "ETag": tags[number - 1]} for number in (1, 2)]})
    assert read(s3, bucket, "k") == b"\1" * 5 * MEBIBYTE + b"\2" * 5 * MEBIBYTE

    upload = s3.create_multipart_upload(Bucket=bucket, Key="gone")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="gone", UploadId=upload)
    refused("NoSuchUpload", 404, s3.list_parts, Bucket=bucket, Key="gone", UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_ranges(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for asked, expected, told in (
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ):
        answer = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert answer["Body"].read() == expected and answer["ContentRange"] == told
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    refused("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-")


def test_conditions(s3, bucket):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["ETag"]
    assert read(s3, bucket, "k", IfMatch=tag) == b"one"
    refused("304", 304, s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=tag)
    refused("PreconditionFailed", 412, s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"')
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"two", IfNoneMatch="*")
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"two", IfMatch='"other"')
    s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfMatch=tag)
    s3.put_object(Bucket=bucket, Key="new", Body=b"x", IfNoneMatch="*")
    assert read(s3, bucket, "k") == b"two"


def test_of_writers_who_want_to_be_first_one_is(s3, bucket):
    won, lost = [], []

    def write(number):
        try:
            s3.put_object(Bucket=bucket, Key="first", Body=str(number).encode(), IfNoneMatch="*")
            won.append(number)
        except ClientError as error:
            lost.append(error.response["Error"]["Code"])

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1 and set(lost) <= {"PreconditionFailed", "ConditionalRequestConflict"}
    assert read(s3, bucket, "first") == str(won[0]).encode()


def test_presigned_addresses(s3, bucket):
    upload = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b/ü"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(upload, data=b"signed", method="PUT")).read()
    download = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/ü"}, ExpiresIn=60)
    assert urllib.request.urlopen(download).read() == b"signed" == read(s3, bucket, "a b/ü")


def test_a_key_may_be_another_keys_folder(s3, bucket):
    put(s3, bucket, "aa", "aa/b", "aa/b/c", "aa/", "a")
    for key in ("aa", "aa/b", "aa/b/c", "aa/", "a"):
        assert read(s3, bucket, key) == key.encode()
    s3.delete_object(Bucket=bucket, Key="aa")
    refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="aa")
    assert read(s3, bucket, "aa/b") == b"aa/b"


@pytest.mark.parametrize("key", ["../up", "a/../../b", "/lead", "a//b", "a/./b", "Ünï/cødé", "plus+and space", "k" * 1024,
                                 "a%2Fb", "q?x=1&y", "#hash", "end.", "con", "tab\tin"])
def test_keys_are_only_names(s3, bucket, key, server):
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert read(s3, bucket, key) == b"x"
    assert [listed["Key"] for listed in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert not (server.data.parent / "up").exists() and not (server.data / "up").exists()
    s3.delete_object(Bucket=bucket, Key=key)


def test_a_key_may_be_too_long(s3, bucket):
    refused("KeyTooLongError", 400, s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"")


def test_listing(s3, bucket):
    keys = ["a", "b/1", "b/2", "b/c/3", "d.txt", "é", "b!"]
    put(s3, bucket, *keys)
    in_order = sorted(keys, key=str.encode)
    assert [listed["Key"] for listed in s3.list_objects_v2(Bucket=bucket)["Contents"]] == in_order
    assert [listed["Key"] for listed in s3.list_objects(Bucket=bucket)["Contents"]] == in_order

    folders = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [listed["Key"] for listed in folders["Contents"]] == ["a", "b!", "d.txt", "é"]
    assert folders["CommonPrefixes"] == [{"Prefix": "b/"}] and folders["KeyCount"] == 5
    inside = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="b/")
    assert [listed["Key"] for listed in inside["Contents"]] == ["b/1", "b/2"]
    assert inside["CommonPrefixes"] == [{"Prefix": "b/c/"}]
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="b/2")
    assert [listed["Key"] for listed in after["Contents"]] == ["b/c/3", "d.txt", "é"]
    assert s3.list_objects_v2(Bucket=bucket, Prefix="zz")["KeyCount"] == 0


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_listing_in_pages(s3, bucket, operation):
    keys = [f"k{number:02}" for number in range(23)] + [f"p/{number:02}" for number in range(5)]
    put(s3, bucket, *keys)
    pages = list(s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 5}))
    assert len(pages) == 6 and all(len(page["Contents"]) <= 5 for page in pages)
    assert [listed["Key"] for page in pages for listed in page["Contents"]] == keys
    pages = list(s3.get_paginator(operation).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 5}))
    assert [listed["Key"] for page in pages for listed in page.get("Contents", [])] == keys[:23]
    assert [listed["Prefix"] for page in pages for listed in page.get("CommonPrefixes", [])] == ["p/"]


def test_deleting_many(s3, bucket):
    keys = [f"k{number}" for number in range(12)]
    put(s3, bucket, *keys)
    asked = {"Objects": [{"Key": key} for key in [*keys[:10], "never-there"]]}
    answer = s3.delete_objects(Bucket=bucket, Delete=asked)
    assert sorted(gone["Key"] for gone in answer["Deleted"]) == sorted([*keys[:10], "never-there"])
    assert "Errors" not in answer
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k10"}], "Quiet": True})
    assert [listed["Key"] for listed in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k11"]


def test_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from/a b", Body=b"x" * 100, ContentType="text/x", Metadata={"a": "1"})
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from/a b"})
    head = s3.head_object(Bucket=bucket, Key="to")
    assert head["ContentType"] == "text/x" and head["Metadata"] == {"a": "1"}
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/to", MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert s3.head_object(Bucket=bucket, Key="to")["Metadata"] == {"b": "2"}
    refused("NoSuchKey", 404, s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/nowhere")
    # boto3's own copy of a large object goes part by part.
    s3.put_object(Bucket=bucket, Key="large", Body=b"0123456789" * MEBIBYTE)
    config = TransferConfig(multipart_threshold=5 * MEBIBYTE, multipart_chunksize=5 * MEBIBYTE)
    s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "large copy", Config=config)
    assert read(s3, bucket, "large copy") == b"0123456789" * MEBIBYTE


def test_checksums(s3, bucket):
    data = b"checked"
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    sha = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert s3.put_object(Bucket=bucket, Key="crc", Body=data)["ChecksumCRC32"] == crc
    assert s3.put_object(Bucket=bucket, Key="sha", Body=data, ChecksumAlgorithm="SHA256")["ChecksumSHA256"] == sha
    assert s3.get_object(Bucket=bucket, Key="sha", ChecksumMode="ENABLED")["ChecksumSHA256"] == sha
    assert s3.head_object(Bucket=bucket, Key="sha", ChecksumMode="ENABLED")["ChecksumSHA256"] == sha
    assert s3.get_object_attributes(Bucket=bucket, Key="sha", ObjectAttributes=["Checksum", "ObjectSize"])["ObjectSize"] == 7
    refused("BadDigest", 400, s3.put_object, Bucket=bucket, Key="bad", Body=data,
            ChecksumSHA256=base64.b64encode(hashlib.sha256(b"other").digest()).decode())
    refused("BadDigest", 400, s3.put_object, Bucket=bucket, Key="bad", Body=data,
            ContentMD5=base64.b64encode(hashlib.md5(b"other").digest()).decode())
    refused("404", 404, s3.head_object, Bucket=bucket, Key="bad")


def test_metadata_and_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata={"city": "washington"}, ContentEncoding="gzip",
                  CacheControl="no-cache", Tagging="team=ml&stage=test")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentEncoding"], head["CacheControl"], head["Metadata"]) == ("gzip", "no-cache", {"city": "washington"})
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert sorted((tag["Key"], tag["Value"]) for tag in tags) == [("stage", "test"), ("team", "ml")]


def test_addresses_with_the_bucket_in_the_host(server, s3, bucket):
    # `NAME.localhost` is this machine by definition, yet not every resolver knows: name the host in a header.
    virtual = boto3.client(
        "s3", endpoint_url=f"http://localhost:{server.port}", config=Config(s3={"addressing_style": "virtual"})
    )
    put(s3, bucket, "dir/k")
    address = virtual.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "dir/k"})
    assert address.startswith(f"http://{bucket}.localhost:{server.port}/dir/k?")
    request = urllib.request.Request(
        address.replace(f"{bucket}.localhost", "127.0.0.1"), headers={"Host": f"{bucket}.localhost:{server.port}"}
    )
    assert urllib.request.urlopen(request).read() == b"dir/k"
    aws = urllib.request.Request(
        address.replace(f"{bucket}.localhost", "127.0.0.1"), headers={"Host": f"{bucket}.s3.us-east-1.amazonaws.com"}
    )
    assert urllib.request.urlopen(aws).read() == b"dir/k"


class Endless:
    """So many bytes, made as they are read."""

    def __init__(self, size):
        self.left = size

    def read(self, amount=-1):
        amount = self.left if amount is None or amount < 0 else min(amount, self.left)
        self.left -= amount
        return b"\x5a" * amount


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) * 1024


def test_a_large_object_is_never_in_memory(own_server, tmp_path):
    # 2 GiB on request: it is the same code, only longer.
    size = (2048 if os.environ.get("STEPWELL_TEST_LARGE") else 256) * MEBIBYTE
    if not pathlib.Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    own_server.start()
    s3 = boto3.client(
        "s3", endpoint_url=own_server.url, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    s3.create_bucket(Bucket="large")
    put(s3, "large", "warm")
    before = resident(own_server.process.pid)
    s3.upload_fileobj(Endless(size), "large", "in-parts")
    file = tmp_path / "one"
    with open(file, "wb") as sparse:
        sparse.truncate(size)
    with open(file, "rb") as body:
        s3.put_object(Bucket="large", Key="at-once", Body=body)
    for key in ("in-parts", "at-once"):
        body = s3.get_object(Bucket="large", Key=key)["Body"]
        assert sum(len(chunk) for chunk in body.iter_chunks(MEBIBYTE)) == size
    grown = resident(own_server.process.pid) - before
    assert grown < 100 * MEBIBYTE, f"grew by {grown // MEBIBYTE} MiB"


def test_nothing_is_unsigned_and_odd_requests_are_answered(server):
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{server.url}/no-such-bucket-anywhere/key")
    assert raised.value.code in (403, 404) and b"<Code>" in raised.value.read()


def test_every_object_is_its_own_latest_version(s3, bucket):
    put(s3, bucket, "a/1", "a/2", "b c", "d")
    listed = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    assert [(one["Key"], one["VersionId"], one["IsLatest"]) for one in listed["Versions"]] == [
        ("b c", "null", True), ("d", "null", True)]
    assert listed["CommonPrefixes"] == [{"Prefix": "a/"}] and "DeleteMarkers" not in listed
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert [one["Key"] for page in pages for one in page["Versions"]] == ["a/1", "a/2", "b c", "d"]
    refused("InvalidArgument", 400, s3.list_object_versions, Bucket=bucket, VersionIdMarker="null")
    # What empties a bucket whether it was ever versioned or not.
    boto3.resource("s3").Bucket(bucket).object_versions.delete()
    s3.delete_bucket(Bucket=bucket)


def test_what_every_bucket_is_can_be_asked_for(s3, bucket):
    def encryption(algorithm):
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
        return {"Bucket": bucket, "ServerSideEncryptionConfiguration": {"Rules": [rule]}}

    def ownership(owner):
        return {"Bucket": bucket, "OwnershipControls": {"Rules": [{"ObjectOwnership": owner}]}}

    s3.put_bucket_encryption(**encryption("AES256"))
    s3.put_bucket_ownership_controls(**ownership("BucketOwnerEnforced"))
    refused("NotImplemented", 501, s3.put_bucket_encryption, **encryption("aws:kms"))
    refused("NotImplemented", 501, s3.put_bucket_ownership_controls, **ownership("ObjectWriter"))
    refused("NotImplemented", 501, s3.create_bucket, Bucket=f"{bucket}-2", ObjectOwnership="ObjectWriter")
    s3.create_bucket(Bucket=f"{bucket}-2", ObjectOwnership="BucketOwnerEnforced")
    refused("NoSuchBucket", 404, s3.put_bucket_encryption, **{**encryption("AES256"), "Bucket": "no-such-bucket"})


def test_a_copy_may_depend_on_what_is_there(s3, bucket):
    put(s3, bucket, "a", "b")
    copy = {"Bucket": bucket, "Key": "b", "CopySource": {"Bucket": bucket, "Key": "a"}}
    refused("PreconditionFailed", 412, s3.copy_object, IfNoneMatch="*", **copy)
    refused("PreconditionFailed", 412, s3.copy_object, IfMatch='"0123"', **copy)
    assert read(s3, bucket, "b") == b"b"
    s3.copy_object(IfMatch=s3.head_object(Bucket=bucket, Key="b")["ETag"], **copy)
    assert read(s3, bucket, "b") == b"a"
    s3.copy_object(IfNoneMatch="*", **{**copy, "Key": "c"})


def test_forms_are_refused_by_name(s3, bucket):
    form = s3.generate_presigned_post(bucket, "a")
    fields = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                     for name, value in {**form["fields"], "file": "body"}.items())
    request = urllib.request.Request(form["url"], data=f"{fields}--x--\r\n".encode(), method="POST",
                                     headers={"Content-Type": "multipart/form-data; boundary=x"})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request)
    assert raised.value.code == 501 and b"POST Object" in raised.value.read()
