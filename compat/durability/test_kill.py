"""The server is killed in the middle of the chapter's pipeline, at every kind of moment, and started
again on the same data: the pipeline succeeds, with one history, one job, one artifact."""

import json
import random
import time

import pytest

from pipeline import BUCKET, LONG, ROLE, SHORT, IMAGE, chapter, check_history, close, processes, start, task, until


@pytest.fixture
def live(own_server):
    return own_server, start(own_server)


def check_chapter(clients, execution, name):
    """What a chapter that nobody disturbed leaves behind."""
    description = clients.ended(execution)
    assert description["status"] == "SUCCEEDED", description
    events = clients.history(execution)
    assert len(events) == 23
    check_history(events, submitted=1)
    jobs = clients.sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert [(job["TrainingJobName"], job["TrainingJobStatus"]) for job in jobs] == [(name, "Completed")]
    objects = clients.s3.list_objects_v2(Bucket=BUCKET, Prefix="models/")["Contents"]
    assert [found["Key"] for found in objects] == [f"models/{name}/output/model.tar.gz"]
    clients.endpoint_until(name)
    assert len(clients.predict(name)) == 1


def test_killed_during_training(live):
    server, clients = live
    execution = clients.run("training", chapter("one", LONG))
    clients.job_until("one", "Training")
    until(lambda: processes(server.data), lambda found: "run-worker" in found.values())
    before = processes(server.data)
    server.kill()
    assert processes(server.data) == before, "a job's processes outlive the server"
    server.start()
    assert clients.job("one")["TrainingJobStatus"] == "InProgress", "the training was to be longer than a restart"
    server.kill()
    server.start()
    check_chapter(clients, execution, "one")
    secondary = [step["Status"] for step in clients.job("one")["SecondaryStatusTransitions"]]
    assert secondary == ["Starting", "Downloading", "Training", "Uploading", "Completed"], "it was begun once"


def test_the_training_ends_while_no_server_runs(live):
    server, clients = live
    execution = clients.run("training", chapter("one", 200))
    clients.job_until("one", "Training")
    until(lambda: processes(server.data), lambda found: "run-job" in found.values())
    server.kill()
    until(lambda: processes(server.data), lambda found: not found)
    server.start()
    check_chapter(clients, execution, "one")


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_of_the_chapter(live, seed):
    """From the start of the execution to the endpoint's birth, eight times in one life."""
    server, clients = live
    dice = random.Random(seed)
    execution = clients.run("random", chapter("one", SHORT))
    for _ in range(8):
        time.sleep(dice.uniform(0, 0.15))
        server.kill()
        server.start()
    check_chapter(clients, execution, "one")


def test_killed_between_states(live):
    """Many executions that do nothing but go from state to state, so that each kill meets some in between."""
    server, clients = live
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/models/none/output/model.tar.gz"}
    states, number = {}, 6
    for place in range(number):
        states[f"Save {place}"] = task("sagemaker:createModel", {
            "ModelName.$": f"States.Format('{{}}-{place}', $.name)", "ExecutionRoleArn": ROLE, "PrimaryContainer": container,
        }, ResultPath=None, Next=f"Pass {place}")
        states[f"Pass {place}"] = {"Type": "Pass", "Next": f"Put {place}"}
        states[f"Put {place}"] = task("aws-sdk:s3:putObject", {
            "Bucket": BUCKET, "Key.$": f"States.Format('between/{{}}-{place}', $.name)", "Body.$": "$.name",
        }, ResultPath=None, Next=f"Wait {place}")
        states[f"Wait {place}"] = {"Type": "Wait", "Seconds": place % 2, "Next": f"Save {place + 1}"}
    states[f"Save {number}"] = {"Type": "Succeed"}
    machine = clients.machine("between", {"StartAt": "Save 0", "States": states})
    executions = [
        clients.states.start_execution(stateMachineArn=machine, name=f"e{one}", input=json.dumps({"name": f"e{one}"}))["executionArn"]
        for one in range(10)
    ]
    dice = random.Random(3)
    for _ in range(7):
        time.sleep(dice.uniform(0.05, 0.4))
        server.kill()
        server.start()
    for execution in executions:
        description = clients.ended(execution)
        assert description["status"] == "SUCCEEDED", description
        check_history(clients.history(execution), submitted=0)
    models = clients.sagemaker.list_models(MaxResults=100)["Models"]
    assert len(models) == number * len(executions)
    assert clients.s3.list_objects_v2(Bucket=BUCKET, Prefix="between/")["KeyCount"] == number * len(executions)


def test_killed_while_an_endpoint_is_created_and_after(live):
    server, clients = live
    execution = clients.run("endpoint", chapter("one", SHORT))
    until(lambda: clients.sagemaker.list_endpoints()["Endpoints"], bool)
    server.kill()
    server.start()
    check_chapter(clients, execution, "one")
    before = clients.predict("one")

    # In service it comes back: the first request after the restart is answered, not refused.
    server.kill()
    server.start()
    assert close(clients.predict("one"), before)
    # Also when its model and artifact are gone: it serves from its own copy.
    clients.s3.delete_object(Bucket=BUCKET, Key="models/one/output/model.tar.gz")
    clients.sagemaker.delete_model(ModelName="one")
    assert close(clients.predict("one"), before)
    server.stop()
    until(lambda: processes(server.data), lambda found: not found, 5)
    server.start()
    assert close(clients.predict("one"), before)
    assert clients.endpoint_until("one")["EndpointStatus"] == "InService"
    clients.sagemaker.delete_endpoint(EndpointName="one")
    until(lambda: processes(server.data), lambda found: not found, 10)


def test_what_was_acknowledged_is_there_after_a_kill(live):
    server, clients = live
    machine = clients.machine("acknowledged", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}})
    clients.s3.put_object(Bucket=BUCKET, Key="acknowledged", Body=b"x" * 100_000)
    execution = clients.states.start_execution(stateMachineArn=machine)["executionArn"]
    server.kill()
    time.sleep(1.1)
    server.start()
    # The timer was due while nobody was there.
    started = time.monotonic()
    assert clients.ended(execution)["status"] == "SUCCEEDED"
    assert time.monotonic() - started < 2
    check_history(clients.history(execution), submitted=0)
    assert clients.s3.head_object(Bucket=BUCKET, Key="acknowledged")["ContentLength"] == 100_000
