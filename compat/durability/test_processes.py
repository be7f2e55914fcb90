"""The server's processes: one server a folder, endpoints that are kept, commands that leave nothing behind."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest

from conftest import BINARY
from pipeline import BUCKET, ENDLESS, Clients, close, pid_of, processes, start, task, training_job, until


def test_a_second_server_on_a_folder_names_the_first(own_server):
    own_server.start()
    second = subprocess.run(
        [BINARY, "serve", "--data", own_server.data, "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=20,
    )
    assert second.returncode == 2
    assert f"{own_server.process.pid}" in second.stderr and str(own_server.data) in second.stderr, second.stderr
    assert second.stdout == ""
    Clients(own_server).states.list_state_machines()


def test_an_endpoint_is_kept_and_ends_when_it_is_deleted(own_server):
    clients = start(own_server)
    artifact = clients.trained()
    clients.serve("kept", artifact)
    before = clients.predict("kept")
    # Its process is killed: it answers again, and meanwhile nobody is told nonsense.
    first = pid_of(own_server, "run-endpoint")
    os.kill(first, signal.SIGKILL)

    def ask():
        try:
            return clients.predict("kept")
        except clients.runtime.exceptions.ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503, error
            return None

    assert close(until(ask, bool, 20), before)
    assert pid_of(own_server, "run-endpoint") != first
    assert clients.endpoint_until("kept")["EndpointStatus"] == "InService"
    # What it was made of may go.
    clients.sagemaker.delete_endpoint_config(EndpointConfigName="kept")
    clients.sagemaker.delete_model(ModelName="kept")
    assert close(clients.predict("kept"), before)
    os.kill(pid_of(own_server, "run-endpoint"), signal.SIGKILL)
    assert close(until(ask, bool, 20), before)
    clients.sagemaker.delete_endpoint(EndpointName="kept")
    until(lambda: processes(own_server.data), lambda found: not found, 10)
    with pytest.raises(clients.runtime.exceptions.ClientError, match="Endpoint kept of account 000000000000 not found."):
        clients.predict("kept")
    until(lambda: list((own_server.data / "endpoints").iterdir()), lambda found: not found, 10)


def machine_file(tmp_path, rounds):
    definition = {"StartAt": "T", "States": {"T": task("sagemaker:createTrainingJob.sync", training_job("run", rounds))}}
    path = tmp_path / "train.asl.json"
    path.write_text(json.dumps(definition))
    (tmp_path / "Train.csv").write_text("".join(f"{row},{row % 7},{row % 3}\n" for row in range(300)))
    return [
        BINARY, "run", path, "--put", f"{tmp_path / 'Train.csv'}=s3://{BUCKET}/Train.csv", "--data", tmp_path / "data",
    ]


def test_run_leaves_nothing_running(tmp_path):
    done = subprocess.run(machine_file(tmp_path, 5), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["TrainingJobStatus"] == "Completed"
    assert not processes(tmp_path)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_ends_what_it_started(tmp_path, sent):
    run = subprocess.Popen(machine_file(tmp_path, ENDLESS), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                           start_new_session=True)
    drain = threading.Thread(target=run.stderr.read)
    drain.start()
    try:
        until(lambda: processes(tmp_path), lambda found: "run-worker" in found.values())
        # As a terminal does it: to the whole group.
        os.killpg(run.pid, sent)
        assert run.wait(timeout=30) == 2
        assert not processes(tmp_path)
    finally:
        run.kill()
        drain.join()


def test_an_interrupted_demo_ends_what_it_started(tmp_path):
    demo = subprocess.Popen([BINARY, "demo", "--data", tmp_path / "data"], stderr=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: processes(tmp_path), lambda found: found or demo.poll() is not None)
        assert demo.poll() is None, "the demo started no job"
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(timeout=30) == 2
        assert not processes(tmp_path)
    finally:
        demo.kill()


def test_an_idle_endpoint_ends_with_a_server_that_is_killed(own_server):
    clients = start(own_server)
    clients.serve("orphan", clients.trained())
    own_server.kill()
    started = time.monotonic()
    until(lambda: processes(own_server.data), lambda found: not found, 10)
    assert time.monotonic() - started < 5
