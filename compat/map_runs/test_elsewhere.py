"""A Distributed Map whose objects are in an S3 elsewhere: here another Stepwell's."""

import json
import time
import uuid

import boto3
import pytest
from conftest import Server

ROLE = "arn:aws:iam::000000000000:role/stepwell"


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3-elsewhere")
    store = Server(folder / "store").start()
    runner = Server(folder / "runner", [f"--service-endpoint=s3={store.url}"]).start()

    def client(service, server):
        return boto3.client(
            service, endpoint_url=server.url, region_name="us-east-1",
            aws_access_key_id="000000000000", aws_secret_access_key="stepwell",
        )

    class Clients:
        states, s3, nothing = client("stepfunctions", runner), client("s3", store), client("s3", runner)

    Clients.s3.create_bucket(Bucket="items")
    try:
        yield Clients
    finally:
        runner.stop()
        store.stop()


def ran(clients, reader, child=None, **fields):
    definition = {"StartAt": "Each", "States": {"Each": {
        "Type": "Map", "End": True, "Label": "Each", "ItemReader": reader,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Work", "States": {"Work": child or {"Type": "Pass", "End": True}},
        },
        **fields,
    }}}
    machine = clients.states.create_state_machine(
        name=f"map-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=ROLE,
    )
    execution = clients.states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        description = clients.states.describe_execution(executionArn=execution)
        if description["status"] != "RUNNING":
            return description
        time.sleep(0.1)
    raise AssertionError(f"{execution} has not ended")


def reader(key, kind="JSONL"):
    return {
        "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": kind},
        "Parameters": {"Bucket": "items", "Key": key},
    }


def output(description):
    assert description["status"] == "SUCCEEDED", description
    return json.loads(description["output"])


def test_items_are_read_there(clients):
    clients.s3.put_object(Bucket="items", Key="some.jsonl", Body=b'{"n": 1}\n{"n": 2}\n')
    assert output(ran(clients, reader("some.jsonl"))) == [{"n": 1}, {"n": 2}]
    clients.s3.put_object(Bucket="items", Key="none.jsonl", Body=b"")
    assert output(ran(clients, reader("none.jsonl"))) == []
    assert clients.nothing.list_buckets()["Buckets"] == []


def test_a_great_object_comes_by_the_piece(clients):
    lines = b"".join(b'{"n": %d, "text": "%s"}\n' % (n, b"x" * 100_000) for n in range(140))
    clients.s3.put_object(Bucket="items", Key="great.jsonl", Body=lines)
    numbers = ran(clients, reader("great.jsonl"), {"Type": "Pass", "OutputPath": "$.n", "End": True})
    assert output(numbers) == list(range(140))


def test_objects_are_listed_there(clients):
    for name in "ab":
        clients.s3.put_object(Bucket="items", Key=f"list/{name}", Body=b"x")
    listed = output(ran(clients, {
        "Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "items", "Prefix": "list/"},
    }))
    assert [(item["Key"], item["Size"]) for item in listed] == [("list/a", 1), ("list/b", 1)]


def test_results_are_written_there(clients):
    clients.s3.put_object(Bucket="items", Key="in.json", Body=json.dumps(["x" * 200_000] * 70).encode())
    writer = {
        "Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "items", "Prefix": "out"},
        "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"},
    }
    details = output(ran(clients, reader("in.json", "JSON"), ResultWriter=writer))["ResultWriterDetails"]
    read = lambda key: json.loads(clients.s3.get_object(Bucket="items", Key=key)["Body"].read())  # noqa: E731
    [file] = read(details["Key"])["ResultFiles"]["SUCCEEDED"]
    assert file["Size"] > 12 << 20
    assert read(file["Key"]) == ["x" * 200_000] * 70


def test_what_is_not_there_is_told(clients):
    description = ran(clients, reader("missing.jsonl"))
    assert description["error"] == "States.ItemReaderFailed" and "NoSuchKey" in description["cause"]
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "nowhere"}}
    clients.s3.put_object(Bucket="items", Key="one.jsonl", Body=b"1\n")
    assert ran(clients, reader("one.jsonl"), ResultWriter=writer)["error"] == "States.ResultWriterFailed"
