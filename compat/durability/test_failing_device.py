"""The device of the data folder fails: calls are refused, nothing that was acknowledged is lost, and the
server goes on when the device does."""

import os
import pathlib
import random
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from conftest import BINARY
from pipeline import BUCKET, check_history, start

SOURCE = pathlib.Path(__file__).with_name("failing_device.c")


class Device:
    """Lets writes fail, or syncs, or both."""

    def __init__(self, folder, data):
        self.library, self.control = folder / "failing_device.so", folder / "control"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, SOURCE, "-ldl"], check=True)
        # The server's log lies beside its data and begins with the same letters: it fails too.
        self.variables = {
            "LD_PRELOAD": str(self.library), "FAILING_CONTROL": str(self.control), "FAILING_FOLDER": str(data)}

    def fail(self, what):
        self.control.write_text(what)

    def work(self):
        self.control.unlink(missing_ok=True)


@pytest.fixture
def device(tmp_path, own_server, monkeypatch):
    device = Device(tmp_path, own_server.data)
    for name, value in device.variables.items():
        monkeypatch.setenv(name, value)
    yield device
    device.work()


def attempt(call, acknowledged, refused, what):
    try:
        call()
        acknowledged.append(what)
    except ClientError as error:
        refused.append((what, error.response))


@pytest.mark.parametrize("what", ["write", "sync", "all"])
def test_a_failing_device_loses_nothing_that_was_acknowledged(own_server, device, what):
    clients = start(own_server)
    machine = clients.machine("wait", {"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 1, "Next": "P"}, "P": {"Type": "Pass", "End": True}}})
    before = [clients.states.start_execution(stateMachineArn=machine, name=f"before-{n}")["executionArn"] for n in range(5)]
    started, objects, refused = [], [], []

    def calls(prefix):
        for number in range(4):
            name = f"{prefix}-{number}"
            attempt(lambda: clients.states.start_execution(stateMachineArn=machine, name=name), started, refused, name)
            attempt(lambda: clients.s3.put_object(Bucket=BUCKET, Key=name, Body=name.encode()), objects, refused, name)

    device.fail(what[0])
    calls("failing")
    assert not started and not objects, "what cannot be written is not acknowledged"
    for _, response in refused:
        # Not the client's fault, and plain about what it was.
        assert response["ResponseMetadata"]["HTTPStatusCode"] >= 500, response
        message = response["Error"]["Message"].lower()
        assert "i/o error" in message or "input/output error" in message, response
    # Timers are due while nothing can be written; what can be read is.
    time.sleep(1.5)
    assert own_server.process.poll() is None
    for arn in before:
        assert clients.states.describe_execution(executionArn=arn)["status"] == "RUNNING"

    device.work()
    calls("working")
    assert len(started) == 4 and len(objects) == 4, refused[-1]
    for arn in before:
        assert clients.ended(arn)["status"] == "SUCCEEDED"
        check_history(clients.history(arn), submitted=0)

    # It comes and goes, and in the end the power does too.
    dice = random.Random(what)
    for round in range(4):
        device.fail(what[0]) if round % 2 else device.work()
        for number in range(dice.randrange(2, 5)):
            name = f"round-{round}-{number}"
            attempt(lambda: clients.states.start_execution(stateMachineArn=machine, name=name), started, refused, name)
            attempt(lambda: clients.s3.put_object(Bucket=BUCKET, Key=name, Body=name.encode()), objects, refused, name)
    own_server.kill()
    device.work()
    own_server.start()
    for name in started:
        arn = machine.replace(":stateMachine:", ":execution:") + f":{name}"
        assert clients.ended(arn)["status"] == "SUCCEEDED"
        check_history(clients.history(arn), submitted=0)
    for name in objects:
        assert clients.s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() == name.encode()
    own_server.stop()
    checked = subprocess.run([BINARY, "check", "--data", own_server.data], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
