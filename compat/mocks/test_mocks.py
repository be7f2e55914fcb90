"""`serve --mock-config`: tasks answer from a file, by the test case behind the state machine's ARN."""

import json
import time

import boto3
import botocore.exceptions
import pytest
from conftest import Server

ROLE = "arn:aws:iam::000000000000:role/stepwell"
MOCKS = {
    "StateMachines": {
        name: {"TestCases": {"Third": {"Ask": "ThirdTime"}, "Never": {"Ask": "Always"}}} for name in ("asks", "quick")
    },
    "MockedResponses": {
        "ThirdTime": {
            "0-1": {"Throw": {"Error": "Busy", "Cause": "try again"}},
            "2": {"Return": {"answer": 42}},
        },
        "Always": {"0-9": {"Throw": {"Error": "Gone"}}},
    },
}


def definition(resource):
    return json.dumps({"StartAt": "Ask", "States": {"Ask": {
        "Type": "Task", "Resource": resource, "End": True,
        "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"} if "Token" in resource else {}},
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}],
    }}})


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mocks")
    file = folder / "mocks.json"
    file.write_text(json.dumps(MOCKS))
    server = Server(folder / "data", ["--mock-config", str(file)]).start()
    yield boto3.client(
        "stepfunctions", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test", config=botocore.config.Config(inject_host_prefix=False),
    )
    server.stop()


def ended(states, execution):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        description = states.describe_execution(executionArn=execution)
        if description["status"] != "RUNNING":
            return description
        time.sleep(0.05)
    raise AssertionError(f"{execution} has not ended")


def test_a_task_that_waits_for_its_token_answers_from_the_file(states):
    made = states.create_state_machine(
        name="asks", definition=definition("arn:aws:states:::lambda:invoke.waitForTaskToken"), roleArn=ROLE,
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=f"{made}#Third")["executionArn"]
    description = ended(states, execution)
    assert (description["status"], json.loads(description["output"])) == ("SUCCEEDED", {"answer": 42})
    events = states.get_execution_history(executionArn=execution)["events"]
    assert [event["type"] for event in events].count("TaskFailed") == 2
    description = ended(states, states.start_execution(stateMachineArn=f"{made}#Never")["executionArn"])
    assert (description["status"], description["error"]) == ("FAILED", "Gone")
    # Without a test case the task is done for real, and there is nobody to do it.
    description = ended(states, states.start_execution(stateMachineArn=made)["executionArn"])
    assert "--service-endpoint lambda=URL" in description["cause"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        states.start_execution(stateMachineArn=f"{made}#Other")
    assert "Third" in str(refused.value)


def test_express_executions_answer_from_the_file(states):
    made = states.create_state_machine(
        name="quick", definition=definition("arn:aws:states:::lambda:invoke"), roleArn=ROLE, type="EXPRESS",
    )["stateMachineArn"]
    for _ in range(2):
        # Each execution counts for itself.
        answer = states.start_sync_execution(stateMachineArn=f"{made}#Third")
        assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"answer": 42})
    answer = states.start_sync_execution(stateMachineArn=f"{made}#Never")
    assert (answer["status"], answer["error"]) == ("FAILED", "Gone")
