"""Redrives that reach a Distributed Map: what succeeded stays, what failed goes on, what was not begun is."""

import json
import time
import uuid

import boto3
import botocore.exceptions
import pytest

ROLE = "arn:aws:iam::000000000000:role/stepwell"
BUCKET = "redrives"


@pytest.fixture(scope="module")
def clients(server):
    class Clients:
        states = boto3.client("stepfunctions")
        s3 = boto3.client("s3")

    Clients.s3.create_bucket(Bucket=BUCKET)
    return Clients


def machine(clients, folder, kind, **fields):
    """Each item is an object's key: a child fails as long as its object is missing."""
    definition = {
        "StartAt": "Each", "States": {"Each": {
            "Type": "Map", "End": True, "Label": "Each", "MaxConcurrency": 1,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
                "StartAt": "Before", "States": {
                    "Before": {"Type": "Pass", "Next": "Get"},
                    "Get": {
                        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
                        "Parameters": {"Bucket": BUCKET, "Key.$": f"States.Format('{folder}/{{}}', $)"},
                        "ResultSelector": {"text.$": "$.Body"}, "End": True,
                    },
                },
            },
            **fields,
        }},
    }
    name = f"redrive-{uuid.uuid4().hex[:8]}"
    made = clients.states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    return made["stateMachineArn"]


def put(clients, folder, *names):
    for name in names:
        clients.s3.put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=name.encode())


def ended(clients, execution):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        description = clients.states.describe_execution(executionArn=execution)
        if description["status"] != "RUNNING":
            return description
        time.sleep(0.05)
    raise AssertionError(f"{execution} has not ended")


def only_run(clients, execution):
    runs = clients.states.list_map_runs(executionArn=execution)["mapRuns"]
    assert len(runs) == 1
    return clients.states.describe_map_run(mapRunArn=runs[0]["mapRunArn"])


def children(clients, run):
    return clients.states.list_executions(mapRunArn=run["mapRunArn"])["executions"]


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_what_failed_goes_on_and_what_was_not_begun_is(clients, kind):
    folder = uuid.uuid4().hex
    put(clients, folder, "a", "c", "d")
    execution = clients.states.start_execution(
        stateMachineArn=machine(clients, folder, kind), input=json.dumps(["a", "b", "c", "d"]),
    )["executionArn"]
    failed = ended(clients, execution)
    assert (failed["status"], failed["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    run = only_run(clients, execution)
    assert (run["status"], run["itemCounts"]["succeeded"], run["itemCounts"]["failed"]) == ("FAILED", 1, 1)

    # Still missing: it fails again, and nothing else is tried before it.
    clients.states.redrive_execution(executionArn=execution)
    assert ended(clients, execution)["status"] == "FAILED"
    run = only_run(clients, execution)
    assert (run["redriveCount"], run["itemCounts"]["succeeded"], run["itemCounts"]["failed"]) == (1, 1, 1)

    put(clients, folder, "b")
    clients.states.redrive_execution(executionArn=execution)
    description = ended(clients, execution)
    assert description["status"] == "SUCCEEDED", description
    assert json.loads(description["output"]) == [{"text": name} for name in "abcd"]
    run = only_run(clients, execution)
    assert (run["status"], run["redriveCount"]) == ("SUCCEEDED", 2)
    counts = run["itemCounts"]
    assert (counts["succeeded"], counts["failed"], counts["total"]) == (4, 0, 4)
    assert (counts["pendingRedrive"], counts["failuresNotRedrivable"]) == (0, 0)
    assert run["executionCounts"]["total"] == 4

    listed = children(clients, run)
    assert [child["status"] for child in listed] == ["SUCCEEDED"] * 4
    redriven = [child["redriveCount"] for child in reversed(listed)]
    assert redriven == ([0, 2, 0, 0] if kind == "STANDARD" else [0, 0, 0, 0])
    history = clients.states.get_execution_history(executionArn=execution)["events"]
    runs = [event["mapRunRedrivenEventDetails"]["redriveCount"] for event in history if event["type"] == "MapRunRedriven"]
    assert runs == [1, 2]
    if kind == "STANDARD":
        child = [child for child in listed if child["redriveCount"] == 2][0]
        types = [event["type"] for event in clients.states.get_execution_history(executionArn=child["executionArn"])["events"]]
        # It goes on from what failed.
        assert types.count("PassStateEntered") == 1 and types.count("ExecutionRedriven") == 2


def test_results_are_written_anew(clients):
    folder = uuid.uuid4().hex
    put(clients, folder, "a")
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": BUCKET, "Prefix": f"{folder}-out"}}
    state_machine = machine(clients, folder, "STANDARD", ResultWriter=writer, ToleratedFailurePercentage=0)
    execution = clients.states.start_execution(stateMachineArn=state_machine, input='["a", "b"]')["executionArn"]
    assert ended(clients, execution)["status"] == "FAILED"
    put(clients, folder, "b")
    clients.states.redrive_execution(executionArn=execution)
    output = json.loads(ended(clients, execution)["output"])
    key = output["ResultWriterDetails"]["Key"]
    manifest = json.loads(clients.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert manifest["ResultFiles"]["FAILED"] == []
    [file] = manifest["ResultFiles"]["SUCCEEDED"]
    results = json.loads(clients.s3.get_object(Bucket=BUCKET, Key=file["Key"])["Body"].read())
    assert [json.loads(result["Output"])["text"] for result in results] == ["a", "b"]


def test_a_run_that_succeeded_is_not_touched_by_a_redrive(clients):
    definition = {
        "StartAt": "Each", "States": {
            "Each": {
                "Type": "Map", "Next": "No", "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}},
                },
            },
            "No": {"Type": "Fail", "Error": "Mine"},
        },
    }
    made = clients.states.create_state_machine(
        name=f"redrive-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=ROLE,
    )
    execution = clients.states.start_execution(stateMachineArn=made["stateMachineArn"], input="[1, 2]")["executionArn"]
    assert ended(clients, execution)["error"] == "Mine"
    clients.states.redrive_execution(executionArn=execution)
    assert ended(clients, execution)["error"] == "Mine"
    run = only_run(clients, execution)
    assert run["status"] == "SUCCEEDED" and "redriveCount" not in run
    child = children(clients, run)[0]["executionArn"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        clients.states.redrive_execution(executionArn=child)
    assert refused.value.response["Error"]["Code"] == "ExecutionNotRedrivable"


def test_what_was_not_begun_is_pending(clients):
    folder = uuid.uuid4().hex
    put(clients, folder, "b", "c", "d")
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": BUCKET, "Prefix": f"{folder}-out"}}
    state_machine = machine(clients, folder, "STANDARD", ResultWriter=writer)
    execution = clients.states.start_execution(stateMachineArn=state_machine, input='["a", "b", "c", "d"]')["executionArn"]
    assert ended(clients, execution)["status"] == "FAILED"
    run = only_run(clients, execution)
    for counts in run["itemCounts"], run["executionCounts"]:
        assert (counts["pending"], counts["failed"], counts["succeeded"], counts["total"]) == (3, 1, 0, 4)
    prefix = f"{folder}-out/{run['mapRunArn'].rpartition(':')[2]}/"
    read = lambda key: json.loads(clients.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())  # noqa: E731
    manifest = read(prefix + "manifest.json")
    [file] = manifest["ResultFiles"]["PENDING"]
    assert file["Key"] == prefix + "PENDING_0.json"
    pending = read(file["Key"])
    assert [(child["Input"], child["Status"]) for child in pending] == [(f'"{name}"', "PENDING") for name in "bcd"]
    assert len(children(clients, run)) == 1

    put(clients, folder, "a")
    clients.states.redrive_execution(executionArn=execution)
    assert ended(clients, execution)["status"] == "SUCCEEDED"
    counts = only_run(clients, execution)["itemCounts"]
    assert (counts["pending"], counts["succeeded"], counts["total"]) == (0, 4, 4)
    # They are begun by the names they were listed with.
    begun = {child["executionArn"] for child in children(clients, run)}
    assert {child["ExecutionArn"] for child in pending} <= begun
    assert read(prefix + "manifest.json")["ResultFiles"]["PENDING"] == []


def test_children_wait_for_their_turn_in_a_redrive(clients):
    activity = clients.states.create_activity(name=f"turns-{uuid.uuid4().hex[:8]}")["activityArn"]
    definition = {"StartAt": "Each", "States": {"Each": {
        "Type": "Map", "End": True, "Label": "Each", "MaxConcurrency": 1, "ToleratedFailureCount": 1,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": activity, "End": True}},
        },
    }}}
    made = clients.states.create_state_machine(
        name=f"turns-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=ROLE,
    )
    execution = clients.states.start_execution(stateMachineArn=made["stateMachineArn"], input="[1, 2]")["executionArn"]
    token = lambda: clients.states.get_activity_task(activityArn=activity)["taskToken"]  # noqa: E731
    for _ in range(2):
        clients.states.send_task_failure(taskToken=token(), error="Not.Yet")
    assert ended(clients, execution)["status"] == "FAILED"
    run = only_run(clients, execution)

    clients.states.redrive_execution(executionArn=execution)
    first = token()
    statuses = lambda **of: {  # noqa: E731
        child["name"]: child["status"]
        for child in clients.states.list_executions(mapRunArn=run["mapRunArn"], **of)["executions"]
    }
    assert sorted(statuses().values()) == ["PENDING_REDRIVE", "RUNNING"]
    assert list(statuses(statusFilter="PENDING_REDRIVE").values()) == ["PENDING_REDRIVE"]
    assert statuses(statusFilter="FAILED") == {}
    [waiting] = [child for child in children(clients, run) if child["status"] == "PENDING_REDRIVE"]
    description = clients.states.describe_execution(executionArn=waiting["executionArn"])
    assert (description["status"], description["redriveStatus"]) == ("PENDING_REDRIVE", "NOT_REDRIVABLE")
    assert only_run(clients, execution)["itemCounts"]["pendingRedrive"] == 1

    clients.states.send_task_success(taskToken=first, output="1")
    clients.states.send_task_success(taskToken=token(), output="2")
    assert ended(clients, execution)["status"] == "SUCCEEDED"
    assert set(statuses().values()) == {"SUCCEEDED"}
    assert statuses(statusFilter="PENDING_REDRIVE") == {}
