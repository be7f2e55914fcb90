"""A load of every kind of execution while the server is killed at random moments and started again. At the
end every call that was acknowledged is true, and every execution came to what it should.

`STEPWELL_KILLS=200` kills more often; `STEPWELL_KILL_SEED` chooses other moments."""

import json
import os
import random
import subprocess
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from conftest import BINARY
from pipeline import BUCKET, ROLE, Clients, check_history, start

KILLS = int(os.environ.get("STEPWELL_KILLS", "10"))
SEED = int(os.environ.get("STEPWELL_KILL_SEED", "1"))
# Not the call's fault: the server was away, or went away in its middle.
AWAY = (500, 502, 503)


def wait(seconds, **more):
    return {"Type": "Wait", "Seconds": seconds, **(more or {"End": True})}


def integration(resource, parameters, **more):
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, **(more or {"End": True})}


def put(prefix, **more):
    return integration("aws-sdk:s3:putObject", {
        "Bucket": BUCKET, "Key.$": f"States.Format('{prefix}/{{}}', $.n)", "Body.$": "States.JsonToString($.n)",
    }, ResultPath=None, **(more or {"End": True}))


WAITS = {"StartAt": "A", "States": {
    "A": wait(1, Next="B"), "B": {"Type": "Pass", "Next": "C"}, "C": wait(0, Next="D"), "D": wait(1)}}
TASKS = {"StartAt": "A", "States": {
    "A": put("kill/a", Next="B"), "B": {"Type": "Pass", "Next": "C"}, "C": put("kill/c", Next="D"), "D": put("kill/d")}}
MAP = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemsPath": "$.items", "ItemProcessor": {
    "StartAt": "W", "States": {"W": wait(1, Next="P"), "P": {"Type": "Pass", "End": True}}}}}}
PARALLEL = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": True, "Branches": [
    {"StartAt": "X", "States": {"X": wait(1)}},
    {"StartAt": "Y", "States": {"Y": put("kill/y")}},
    {"StartAt": "Z", "States": {"Z": {"Type": "Pass", "End": True}}},
]}}}
DISTRIBUTED = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemsPath": "$.items", "ItemProcessor": {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
    "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}}}}
LONG = {"StartAt": "W", "States": {"W": wait(86_400)}}
EXPRESS = {"StartAt": "A", "States": {"A": put("kill/express")}}


def callback(activity):
    # An answer that was on its way to the worker may be lost with the server, as on AWS: then it beats no more.
    again = [{"ErrorEquals": ["States.Timeout", "States.HeartbeatTimeout"], "IntervalSeconds": 1, "MaxAttempts": 99, "BackoffRate": 1}]
    return {"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 3, "Retry": again, "End": True}}}


def nested(child):
    return {"StartAt": "N", "States": {"N": integration("states:startExecution.sync:2", {
        "StateMachineArn": child, "Input.$": "$"}, OutputPath="$.Output", End=True)}}


class Load:
    """Calls until they are acknowledged, from several threads."""

    def __init__(self, server):
        self.server, self.over, self.trouble = server, threading.Event(), []
        self.started, self.stopped, self.objects, self.express = {}, [], [], []
        self.answered = 0

    def until_acknowledged(self, call):
        """What the call answers, however often the server goes away meanwhile. None: the load is over."""
        while True:
            try:
                return call()
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in AWAY:
                    raise
            except BotoCoreError:
                pass
            if self.over.is_set():
                return None
            time.sleep(0.02)

    def thread(self, work, *arguments):
        def run():
            try:
                work(Clients(self.server), *arguments)
            except Exception as error:  # noqa: BLE001 - told by the test
                self.trouble.append(f"{work.__name__}{arguments[:1]}: {error!r}")

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def starts(self, clients, kind, machine, given, pause):
        """One execution after the other; each is acknowledged before the next."""
        number = 0
        while not self.over.is_set():
            name, text = f"{kind}-{number}", json.dumps(given(number))

            def call():
                try:
                    answer = clients.states.start_execution(stateMachineArn=machine, name=name, input=text)
                    return answer["executionArn"]
                except clients.states.exceptions.ExecutionAlreadyExists:
                    # It was started by a call whose answer was lost, and has ended since.
                    return machine.replace(":stateMachine:", ":execution:") + f":{name}"

            arn = self.until_acknowledged(call)
            if arn:
                self.started[arn] = (kind, number)
            number += 1
            time.sleep(pause)

    def stops(self, clients, machine):
        number = 0
        while not self.over.is_set():
            name = f"long-{number}"
            call = lambda: clients.states.start_execution(stateMachineArn=machine, name=name)["executionArn"]  # noqa: E731
            arn = self.until_acknowledged(call)
            if arn and self.until_acknowledged(lambda: clients.states.stop_execution(executionArn=arn)):
                self.stopped.append(arn)
            number += 1
            time.sleep(0.2)

    def puts(self, clients):
        number = 0
        while not self.over.is_set():
            key = f"put/{number}"
            if self.until_acknowledged(lambda: clients.s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())):
                self.objects.append(key)
            number += 1
            time.sleep(0.05)

    def begins_express(self, clients, machine):
        number = 0
        while not self.over.is_set():
            text = json.dumps({"n": number})
            if self.until_acknowledged(lambda: clients.states.start_execution(stateMachineArn=machine, input=text)):
                self.express.append(f"kill/express/{number}")
            number += 1
            time.sleep(0.1)

    def answers(self, clients, activity, until):
        """An activity's worker."""
        while not until.is_set():
            try:
                task = clients.states.get_activity_task(activityArn=activity)
                if token := task.get("taskToken"):
                    output = json.dumps({"n": json.loads(task["input"])["n"], "by": "worker"})
                    clients.states.send_task_success(taskToken=token, output=output)
                    self.answered += 1
            except (BotoCoreError, ClientError):
                # The server was away, or the task has timed out: the next one.
                time.sleep(0.02)


def test_whatever_was_acknowledged_is_true_however_often_the_server_is_killed(own_server):
    clients = start(own_server)
    activity = clients.states.create_activity(name="worker")["activityArn"]
    child = clients.machine("child", WAITS)
    items = lambda number: {"items": [number + place for place in range(8)]}  # noqa: E731
    plain = lambda number: {"n": number}  # noqa: E731
    kinds = {
        "waits": (WAITS, plain, plain),
        "tasks": (TASKS, plain, plain),
        "map": (MAP, items, lambda number: items(number)["items"]),
        "parallel": (PARALLEL, plain, lambda number: [plain(number)] * 3),
        "distributed": (DISTRIBUTED, items, lambda number: items(number)["items"]),
        "callback": (callback(activity), plain, lambda number: {"n": number, "by": "worker"}),
        "nested": (nested(child), plain, plain),
    }
    load, worked = Load(own_server), threading.Event()
    threads = [
        load.thread(load.starts, kind, clients.machine(kind, definition), given, 0.1)
        for kind, (definition, given, _) in kinds.items()
    ]
    express = clients.states.create_state_machine(
        name="express", definition=json.dumps(EXPRESS), roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
    threads += [
        load.thread(load.stops, clients.machine("long", LONG)),
        load.thread(load.puts),
        load.thread(load.begins_express, express),
    ]
    workers = [load.thread(load.answers, activity, worked) for _ in range(3)]
    dice = random.Random(SEED)
    try:
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.02, 0.8))
            own_server.kill()
            own_server.start()
    finally:
        load.over.set()
        for thread in threads:
            thread.join()
    assert not load.trouble, load.trouble[:5]
    assert all(any(kind == known for known, _ in load.started.values()) for kind in kinds), load.started

    for arn, (kind, number) in load.started.items():
        description = clients.ended(arn, 120)
        expected = kinds[kind][2](number)
        assert description["status"] == "SUCCEEDED", description
        assert json.loads(description["output"]) == expected, (kind, number, description["output"])
        events = clients.history(arn)
        assert [event["id"] for event in events] == list(range(1, len(events) + 1))
        if kind in ("waits", "tasks"):
            check_history(events, submitted=0)
    worked.set()
    for arn in load.stopped:
        assert clients.states.describe_execution(executionArn=arn)["status"] == "ABORTED", arn
    for key in load.objects:
        assert clients.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key.encode()
    for number in [number for kind, number in load.started.values() if kind == "tasks"]:
        for prefix in ("kill/a", "kill/c", "kill/d"):
            clients.s3.head_object(Bucket=BUCKET, Key=f"{prefix}/{number}")
    deadline = time.monotonic() + 60
    for key in load.express:
        while True:
            try:
                clients.s3.head_object(Bucket=BUCKET, Key=key)
                break
            except ClientError:
                assert time.monotonic() < deadline, f"{key}: an Express execution was acknowledged and never ran"
                time.sleep(0.1)
    for thread in workers:
        thread.join()
    assert load.answered > 0
    print(f"{KILLS} kills, {len(load.started)} executions, {len(load.stopped)} stops, "
          f"{len(load.objects)} objects, {len(load.express)} Express executions")

    own_server.stop()
    checked = subprocess.run([BINARY, "check", "--data", own_server.data], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
