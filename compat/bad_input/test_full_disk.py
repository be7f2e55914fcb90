"""The disk of the data folder is full: calls are refused clearly, nothing acknowledged is lost, and when
there is space again everything goes on."""

import json
import os
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from conftest import Server
from pipeline import BUCKET, IMAGE, ROLE, Clients, check_history, processes, start, task, training_job, until

SIZE = "48m"


@pytest.fixture
def small_disk(tmp_path):
    mount = tmp_path / "disk"
    mount.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", mount], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"needs the right to mount a small tmpfs: {mounted.stderr.strip()}")
    yield mount
    subprocess.run(["umount", "--lazy", mount], check=True)


def fill(disk):
    """Takes every byte there is."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return filler


def test_a_full_disk_refuses_and_recovers(small_disk):
    server = Server(small_disk / "data")
    server.log = small_disk.parent / "server.log"
    clients = start(server)
    try:
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "P"}, "P": {"Type": "Pass", "End": True}}}
        machine = clients.machine("wait", wait)
        before = clients.states.start_execution(stateMachineArn=machine)["executionArn"]
        clients.train("before", 200)
        trains = {"StartAt": "T", "States": {"T": task("sagemaker:createTrainingJob.sync", training_job("awaited", 200))}}
        awaited = clients.run("awaited", trains)
        acknowledged, refusals = [], []
        filler = fill(small_disk)

        def attempt(what, call):
            try:
                call()
                acknowledged.append(what)
            except ClientError as error:
                refusals.append((what, error.response))

        for number in range(30):
            attempt(("object", f"o{number}"), lambda: clients.s3.put_object(
                Bucket=BUCKET, Key=f"o{number}", Body=os.urandom(200_000)))
            attempt(("model", f"m{number}"), lambda: clients.sagemaker.create_model(
                ModelName=f"m{number}", ExecutionRoleArn=ROLE,
                PrimaryContainer={"Image": IMAGE, "Environment": {"PAD": "x" * 900}}))
            attempt(("execution", f"e{number}"), lambda: clients.states.start_execution(
                stateMachineArn=machine, name=f"e{number}", input=json.dumps({"pad": os.urandom(30_000).hex()})))
        assert {what for (what, _), _ in refusals} >= {"object", "model", "execution"}, acknowledged
        for what, response in refusals:
            # Not the client's fault, worth another try, and plain about what to do.
            assert response["ResponseMetadata"]["HTTPStatusCode"] in (500, 503, 507), response
            assert "no space left" in response["Error"]["Message"].lower(), (what, response)
        # It goes on answering, with whatever it can.
        assert server.process.poll() is None
        assert clients.s3.get_object(Bucket=BUCKET, Key="Train.csv")["Body"].read()
        clients.states.describe_execution(executionArn=before)
        time.sleep(1)

        filler.unlink()
        for execution in (before, awaited):
            description = clients.ended(execution)
            assert description["status"] == "SUCCEEDED", description
        check_history(clients.history(before), submitted=0)
        check_history(clients.history(awaited), submitted=1)
        assert clients.job("awaited")["TrainingJobStatus"] == "Completed"
        job = clients.job_until("before", "Completed", "Failed")
        assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
        for what, key in acknowledged:
            if what == "object":
                assert len(clients.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) == 200_000
            elif what == "model":
                clients.sagemaker.describe_model(ModelName=key)
            else:
                assert clients.ended(machine.replace(":stateMachine:", ":execution:") + f":{key}")["status"] == "SUCCEEDED"
        # What was refused has left nothing: it can be done now.
        for (what, key), _ in refusals[:6]:
            if what == "object":
                clients.s3.put_object(Bucket=BUCKET, Key=key, Body=b"now")
            elif what == "model":
                clients.sagemaker.create_model(ModelName=key, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
            else:
                clients.states.start_execution(stateMachineArn=machine, name=key)
        clients.trained("after")
    finally:
        if server.process.poll() is None:
            server.stop()
    until(lambda: processes(server.data), lambda found: not found, 20)


def test_a_job_whose_results_find_no_space_waits_for_it(small_disk):
    """A training that ends on a full disk, and a server killed meanwhile."""
    server = Server(small_disk / "data")
    server.log = small_disk.parent / "server.log"
    clients = start(server)
    try:
        trains = {"StartAt": "T", "States": {"T": task("sagemaker:createTrainingJob.sync", training_job("full", 2_000))}}
        execution = clients.run("full", trains)
        until(lambda: processes(server.data), lambda found: "run-worker" in found.values())
        filler = fill(small_disk)
        # Long enough for the training to end, which then waits.
        time.sleep(2)
        assert clients.states.describe_execution(executionArn=execution)["status"] == "RUNNING"
        server.kill()
        filler.unlink()
        server.start()
        description = clients.ended(execution)
        job = clients.job("full")
        # The model found space or did not; either is told, and the execution knows it.
        if description["status"] == "FAILED":
            assert "space" in job["FailureReason"].lower(), job["FailureReason"]
        else:
            assert (description["status"], job["TrainingJobStatus"]) == ("SUCCEEDED", "Completed")
        clients.trained("after")
    finally:
        if server.process.poll() is None:
            server.stop()
