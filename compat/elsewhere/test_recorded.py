"""What AWS answered where a state machine uses Lambda, SQS, SNS, DynamoDB, EventBridge: replayed against Stepwell,
which sends such tasks to an emulator (`--service-endpoint`)."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest
from conftest import SHARED, Server

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = SHARED / "conformance"
SERVICES = ("lambda", "sqs", "sns", "dynamodb", "events", "secretsmanager")
# Cases in which the emulator is not AWS, or two recordings say different things: id (without its module) -> why.
EXCEPTIONS = {
    "TestAwsSdk::test_invalid_secret_name": "moto takes the name that AWS refuses",
    "TestTaskServiceSqs::test_send_message_no_such_queue":
        "AWS's client asks the host in QueueUrl; here every queue is at the endpoint, which knows no such queue",
    "TestTaskServiceDynamoDB::test_base_integrations[DYNAMODB_PUT_UPDATE_GET_ITEM]": "moto tells ConsumedCapacity unasked",
    "TestTaskServiceEvents::test_put_events_malformed_detail": "moto answers 500",
    "TestTaskServiceSns::test_fifo_message_attribute[input_params1-False]": "moto gives no SequenceNumber",
    "TestTaskServiceSns::test_publish_message_attributes[message_value3]": "moto signs by another version",
    "TestTaskServiceSns::test_publish_message_attributes[HelloWorld]": "moto signs by another version",
    "TestBaseScenarios::test_lambda_invoke_with_retry_extended_input":
        "recorded before the context object had RedriveCount, which later recordings show",
    "TestSnfBase::test_event_bridge_events_base":
        "events of executions go where `events` in the configuration says, not to --service-endpoint events",
}

pytestmark = pytest.mark.skipif(
    not (RECORDED / "run.py").exists(), reason=f"the recorded cases are not at {RECORDED}"
)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def emulator(port, stepwell, log):
    process = subprocess.Popen(
        [sys.executable, HERE / "emulator.py", str(port), stepwell], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, "the emulator did not start"
                time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def test_tasks_of_services_elsewhere_are_answered_as_on_aws(tmp_path):
    port = free_port()
    flags = [f"--service-endpoint={service}=http://127.0.0.1:{port}" for service in SERVICES]
    server = Server(tmp_path / "data", flags).start()
    report = tmp_path / "report.json"
    try:
        with open(tmp_path / "emulator.log", "ab") as log, emulator(port, server.url, log):
            ended = subprocess.run(
                [sys.executable, RECORDED / "run.py", "--endpoint", f"http://127.0.0.1:{port}",
                 "--services", ",".join(SERVICES), "--json", report],
                capture_output=True, text=True, timeout=900, env={**os.environ, "AWS_RETRY_MODE": "legacy"},
            )
    finally:
        server.stop()
    assert report.exists(), f"the replay broke:\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    outcomes = json.loads(report.read_text())["cases"]
    elsewhere = set()
    for file in RECORDED.glob("cases/**/*.json"):
        elsewhere |= {case["id"] for case in json.loads(file.read_text())["cases"] if set(case["services"]) & set(SERVICES)}
    compared = {case: outcomes[case] for case in elsewhere if outcomes[case]["outcome"] in ("pass", "fail")}
    failed = {case for case in compared if compared[case]["outcome"] == "fail"}
    excused = {case for case in failed if case.partition("::")[2] in EXCEPTIONS}
    print(f"{len(compared) - len(failed)} of {len(compared)} cases pass, {len(excused)} are excused")
    assert len(compared) >= 80
    assert not failed - excused, "\n".join(f"{case}: {compared[case]['detail'][:300]}" for case in failed - excused)
