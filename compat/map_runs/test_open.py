"""Map runs beyond an account's bound wait, and what an aborted one leaves is told."""

import json
import time
import uuid

import boto3
import botocore.exceptions
import pytest
from conftest import Server

ROLE = "arn:aws:iam::000000000000:role/stepwell"


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open-map-runs")
    config = folder / "stepwell.toml"
    config.write_text("[limits]\nopen_map_runs_max = 1\n")
    server = Server(folder / "data", [f"--config={config}"]).start()

    def client(service):
        return boto3.client(
            service, endpoint_url=server.url, region_name="us-east-1",
            aws_access_key_id="000000000000", aws_secret_access_key="stepwell",
        )

    class Clients:
        states, s3, own = client("stepfunctions"), client("s3"), server

    Clients.s3.create_bucket(Bucket="results")
    try:
        yield Clients
    finally:
        server.stop()


def start(clients, items, **fields):
    """Children wait for an activity's workers."""
    name = f"open-{uuid.uuid4().hex[:8]}"
    activity = clients.states.create_activity(name=name)["activityArn"]
    definition = {"StartAt": "Each", "States": {"Each": {
        "Type": "Map", "End": True, "Label": "Each", "MaxConcurrency": 1, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": activity, "End": True}},
        },
        **fields,
    }}}
    machine = clients.states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    asked = {"stateMachineArn": machine["stateMachineArn"], "input": json.dumps(items)}
    return clients.states.start_execution(**asked)["executionArn"], activity


def until(seen, expected):
    deadline = time.monotonic() + 60
    while (found := seen()) != expected:
        assert time.monotonic() < deadline, f"{found} instead of {expected}"
        time.sleep(0.05)


def run_of(clients, execution):
    [run] = clients.states.list_map_runs(executionArn=execution)["mapRuns"]
    return clients.states.describe_map_run(mapRunArn=run["mapRunArn"])


def told(clients, execution):
    """A run's status; how many items it had not begun and how many results were written."""
    run = run_of(clients, execution)
    return run["status"], run["itemCounts"]["pending"], run["executionCounts"]["resultsWritten"]


def children(clients, execution):
    run = run_of(clients, execution)["mapRunArn"]
    return [child["status"] for child in clients.states.list_executions(mapRunArn=run)["executions"]]


def status(clients, execution):
    return clients.states.describe_execution(executionArn=execution)["status"]


def work(clients, activity):
    task = clients.states.get_activity_task(activityArn=activity)
    clients.states.send_task_success(taskToken=task["taskToken"], output=task["input"])


def test_a_map_run_waits_until_another_one_has_ended(clients):
    first, of_first = start(clients, [1])
    until(lambda: children(clients, first), ["RUNNING"])
    stopped, _ = start(clients, [2])
    second, of_second = start(clients, [3])
    types = lambda: [event["type"] for event in clients.states.get_execution_history(executionArn=second)["events"]]  # noqa: E731
    until(types, ["ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted"])
    # Who goes while it waits takes no place.
    clients.states.stop_execution(executionArn=stopped)
    until(lambda: run_of(clients, stopped)["status"], "ABORTED")
    assert children(clients, stopped) == [] and children(clients, second) == []
    # One that was open when its server broke is open on the next one, and the one that waits waits.
    clients.own.kill()
    clients.own.start()
    until(lambda: children(clients, first), ["RUNNING"])
    assert run_of(clients, second)["status"] == "RUNNING" and children(clients, second) == []
    work(clients, of_first)
    until(lambda: status(clients, first), "SUCCEEDED")
    until(lambda: children(clients, second), ["RUNNING"])
    work(clients, of_second)
    until(lambda: status(clients, second), "SUCCEEDED")


def test_an_aborted_run_lists_what_it_had_not_begun(clients):
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "results", "Prefix": "out"}}
    execution, activity = start(clients, ["a", "b", "c", "d"], ResultWriter=writer)
    work(clients, activity)
    until(lambda: sorted(children(clients, execution)), ["RUNNING", "SUCCEEDED"])
    clients.states.stop_execution(executionArn=execution)
    until(lambda: told(clients, execution), ("ABORTED", 2, 2))
    run = run_of(clients, execution)
    for counts in run["itemCounts"], run["executionCounts"]:
        shown = [counts[name] for name in ("succeeded", "aborted", "running", "pending", "total")]
        assert shown == [1, 1, 0, 2, 4]
    prefix = f"out/{run['mapRunArn'].rpartition(':')[2]}/"
    read = lambda key: json.loads(clients.s3.get_object(Bucket="results", Key=key)["Body"].read())  # noqa: E731
    manifest = read(prefix + "manifest.json")["ResultFiles"]
    inputs = {name: [(child["Input"], child["Status"]) for file in files for child in read(file["Key"])]
              for name, files in manifest.items()}
    assert inputs == {
        "SUCCEEDED": [('"a"', "SUCCEEDED")], "FAILED": [('"b"', "ABORTED")],
        "PENDING": [('"c"', "PENDING"), ('"d"', "PENDING")],
    }

    # A redrive begins them.
    clients.states.redrive_execution(executionArn=execution)
    for _ in "bcd":
        work(clients, activity)
    until(lambda: status(clients, execution), "SUCCEEDED")
    assert run_of(clients, execution)["itemCounts"]["succeeded"] == 4


def test_an_aborted_run_without_a_writer_counts_what_it_had_not_begun(clients):
    execution, _ = start(clients, [1, 2, 3])
    until(lambda: children(clients, execution), ["RUNNING"])
    clients.states.stop_execution(executionArn=execution)
    until(lambda: told(clients, execution), ("ABORTED", 2, 0))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        clients.states.update_map_run(mapRunArn=run_of(clients, execution)["mapRunArn"], maxConcurrency=2)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
