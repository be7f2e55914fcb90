"""`stepwell iam suggest`: the suggested policy lets the pipeline run where refusals are meant, and nothing in it is
too much."""

import json

import botocore.exceptions
import pytest
from enforcing import Enforcing

import pipeline
from pipeline import until
from test_roles import EXECUTION, WORKFLOW, Chapter


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suggest")
    (folder / "stepwell.toml").write_text("[iam]\nmode = \"enforce\"\nrequire_add_tags = true\n")
    server = Enforcing(folder / "data").start()
    chapter = Chapter(server)
    chapter.server = server
    chapter.attach("AWSStepFunctionsFullAccess")
    chapter.workflow(more=["sagemaker:AddTags"])
    clients = type("Clients", (pipeline.Clients,), {"__init__": lambda self: None})()
    clients.s3 = chapter.s3
    clients.put_data()
    yield chapter
    server.stop()
    server.end_jobs()


def definition():
    """The chapter's, with names that the input gives."""
    text = json.dumps(pipeline.chapter("NAME", pipeline.SHORT)).replace(pipeline.ROLE, EXECUTION)
    for member in ("TrainingJobName", "ModelName", "EndpointConfigName", "EndpointName"):
        text = text.replace(f'"{member}": "NAME"', f'"{member}.$": "$$.Execution.Input.name"')
    assert "NAME" not in text
    return text


class Machine:
    def __init__(self, chapter):
        self.chapter, self.runs = chapter, 0

    def put(self, policy):
        self.chapter.iam.put_role_policy(RoleName=WORKFLOW.split("/")[-1], PolicyName="chapter", PolicyDocument=json.dumps(policy))

    def run(self, kind):
        """Makes a machine and runs it: its ARN, and what became of the execution."""
        self.runs += 1
        states = self.chapter.states
        arn = states.create_state_machine(name=f"suggest-{self.runs}", definition=definition(), roleArn=WORKFLOW)["stateMachineArn"]
        return arn, self.again(arn, kind)

    def again(self, arn, kind):
        self.runs += 1
        states, name = self.chapter.states, f"{kind}-{self.runs}"
        execution = states.start_execution(stateMachineArn=arn, input=json.dumps({"name": name}))["executionArn"]
        ended = until(lambda: states.describe_execution(executionArn=execution), lambda it: it["status"] != "RUNNING", 90)
        if ended["status"] == "SUCCEEDED":
            self.chapter.endpoint_settled(name)
            self.chapter.sagemaker.delete_endpoint(EndpointName=name)
        return ended


def test_the_suggested_policy_is_enough_and_not_too_much(chapter, monkeypatch):
    machine = Machine(chapter)
    arn, ended = machine.run("big-mart")
    assert ended["status"] == "SUCCEEDED", ended
    assert machine.again(arn, "big-mart")["status"] == "SUCCEEDED"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", chapter.server.key[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", chapter.server.key[1])
    policy = json.loads(chapter.server.run("iam", "suggest", arn, "--endpoint", chapter.server.url))
    statements = policy["Statement"]
    training = next(one for one in statements if "sagemaker:CreateTrainingJob" in one["Action"])
    assert training["Resource"].endswith(":training-job/big-mart-*")
    assert "sagemaker:AddTags" in training["Action"]
    passed = next(one for one in statements if one["Action"] == "iam:PassRole")
    assert passed["Resource"] == EXECUTION
    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}

    machine.put(policy)
    _, ended = machine.run("big-mart")
    assert ended["status"] == "SUCCEEDED", ended
    for number, statement in enumerate(statements):
        machine.put({**policy, "Statement": statements[:number] + statements[number + 1:]})
        try:
            _, ended = machine.run("big-mart")
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException"
        else:
            assert ended["status"] == "FAILED", statement
            assert "is not authorized to perform" in ended["cause"], statement
    # Of another name it runs no more: the executions that were seen began otherwise.
    machine.put(policy)
    _, ended = machine.run("other")
    assert (ended["status"], "CreateTrainingJob" in ended["cause"]) == ("FAILED", True), ended


def test_what_was_refused_says_what_would_allow_it(chapter, monkeypatch):
    machine = Machine(chapter)
    chapter.workflow(without=["CreateModel"], more=["sagemaker:AddTags"])
    _, ended = machine.run("hint")
    chapter.workflow(more=["sagemaker:AddTags"])
    assert ended["status"] == "FAILED", ended
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", chapter.server.key[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", chapter.server.key[1])
    hint = (f'To allow it, add to a policy of the role {WORKFLOW.split("/")[-1]}: '
            '{"Effect":"Allow","Action":"sagemaker:CreateModel","Resource":"arn:aws:sagemaker:us-east-1:')
    for command in ("describe", "history"):
        told = chapter.server.run(command, ended["executionArn"], "--endpoint", chapter.server.url)
        assert hint in told, told
