"""Every kind of state as either generation of the Data Science SDK writes it: the definition comes back as it was
sent, the output is as expected, and what is deleted is gone. Catch and Retry stand around a training that fails."""

import json
import time
import uuid

import boto3
import pytest

sagemaker = pytest.importorskip("sagemaker", reason="needs the SageMaker SDK of requirements-v1 or -v2")
pytest.importorskip("stepfunctions", reason="needs the Data Science SDK")

from sagemaker.estimator import Estimator  # noqa: E402
from stepfunctions import steps  # noqa: E402
from stepfunctions.steps.choice_rule import ChoiceRule  # noqa: E402
from stepfunctions.workflow import Workflow  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/stepwell"


def live(definition, inputs, expected, status="SUCCEEDED"):
    """Creates, reads back, executes and deletes; the events of the execution."""
    workflow = Workflow(name=f"states-{uuid.uuid4().hex[:8]}", definition=definition, role=ROLE)
    arn = workflow.create()
    client = boto3.client("stepfunctions")
    sent = json.loads(workflow.definition.to_json())
    assert json.loads(client.describe_state_machine(stateMachineArn=arn)["definition"]) == sent
    execution = workflow.execute(inputs=inputs)
    output = execution.get_output(wait=True)
    assert execution.describe()["status"] == status, execution.describe()
    assert output == expected
    events = execution.list_events()
    workflow.delete()
    deadline = time.monotonic() + 20
    with pytest.raises(client.exceptions.StateMachineDoesNotExist):
        while time.monotonic() < deadline:
            client.describe_state_machine(stateMachineArn=arn)
            time.sleep(0.2)
    return events


def entered(events):
    return [event["stateEnteredEventDetails"]["name"] for event in events if event["type"].endswith("StateEntered")]


def test_pass(server):
    state = steps.Pass("Fixed", result={"made": "here"}, result_path="$.said")
    live(steps.Chain([state]), {"came": "in"}, {"came": "in", "said": {"made": "here"}})


def test_wait(server):
    start = time.monotonic()
    live(steps.Chain([steps.Wait("A second", seconds=1)]), {"x": 1}, {"x": 1})
    assert time.monotonic() - start >= 1


def test_parallel(server):
    parallel = steps.Parallel("Both")
    parallel.add_branch(steps.Pass("Left", result="left"))
    parallel.add_branch(steps.Chain([steps.Pass("Right", result={"n": 1}), steps.Pass("Further", output_path="$.n")]))
    events = live(steps.Chain([parallel]), {}, ["left", 1])
    assert sorted(entered(events)) == ["Both", "Further", "Left", "Right"]


def test_map(server):
    each = steps.Map("Each", items_path="$.numbers", max_concurrency=1,
                     iterator=steps.Pass("One", parameters={"value.$": "$", "index.$": "$$.Map.Item.Index"}))
    live(steps.Chain([each]), {"numbers": [7, 8]}, [{"value": 7, "index": 0}, {"value": 8, "index": 1}])


@pytest.mark.parametrize("number, expected", [(1, "small"), (50, "large"), (7, "lucky"), (1000, "what is it?")])
def test_choice(server, number, expected):
    small = ChoiceRule.NumericLessThan(variable="$.n", value=10)
    lucky = ChoiceRule.NumericEquals(variable="$.n", value=7)
    choice = steps.Choice("How much")
    choice.add_choice(ChoiceRule.And([small, ChoiceRule.Not(lucky)]), steps.Pass("Small", result="small"))
    choice.add_choice(ChoiceRule.And([ChoiceRule.NumericGreaterThanEquals(variable="$.n", value=10),
                                      ChoiceRule.NumericLessThan(variable="$.n", value=100)]),
                      steps.Pass("Large", result="large"))
    choice.add_choice(lucky, steps.Pass("Lucky", result="lucky"))
    choice.default_choice(steps.Pass("Neither", result="what is it?"))
    live(steps.Chain([choice]), {"n": number}, expected)


def training_that_fails():
    session = sagemaker.Session()
    bucket = session.default_bucket()
    instances = ("train_instance_count", "train_instance_type") if sagemaker.__version__.startswith("1.") else (
        "instance_count", "instance_type")
    estimator = Estimator("not_an_image", ROLE, output_path=f"s3://{bucket}/out", sagemaker_session=session,
                          **dict(zip(instances, (1, "ml.m5.large"))))
    return steps.TrainingStep("Train", estimator=estimator, data=f"s3://{bucket}/data", job_name=f"job-{uuid.uuid4().hex}")


def test_catch(server):
    train = training_that_fails()
    train.add_catch(steps.Catch(error_equals=["States.TaskFailed"], next_step=steps.Pass("Caught", result="caught")))
    events = live(steps.Chain([train, steps.Succeed("Never")]), {}, "caught")
    assert entered(events) == ["Train", "Caught"]


def test_retry(server):
    train = training_that_fails()
    train.add_retry(steps.Retry(error_equals=["States.TaskFailed"], interval_seconds=1, max_attempts=2, backoff_rate=1.0))
    train.add_catch(steps.Catch(error_equals=["States.TaskFailed"], next_step=steps.Pass("Caught", result="caught")))
    events = live(steps.Chain([train]), {}, "caught")
    assert entered(events) == ["Train", "Caught"]
    assert [event["type"] for event in events].count("TaskScheduled") == 3


def test_a_failure_is_told_with_error_and_cause(server):
    failing = Workflow(name=f"states-{uuid.uuid4().hex[:8]}", role=ROLE,
                       definition=steps.Chain([steps.Fail("No", error="Mine", cause="by design")]))
    failing.create()
    execution = failing.execute(inputs={})
    assert execution.get_output(wait=True) is None
    told = execution.describe()
    assert (told["status"], told["error"], told["cause"]) == ("FAILED", "Mine", "by design")
    failing.delete()


def test_update_attach_and_stop(server):
    workflow = Workflow(name=f"states-{uuid.uuid4().hex[:8]}", definition=steps.Chain([steps.Pass("First")]), role=ROLE)
    arn = workflow.create()
    attached = Workflow.attach(arn)
    attached.update(definition=steps.Chain([steps.Wait("Long", seconds=600)]))
    assert "Long" in boto3.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["definition"]
    execution = attached.execute(inputs={"a": 1})
    assert execution.get_input() == {"a": 1}
    execution.stop(error="Enough", cause="of waiting")
    assert execution.describe()["status"] == "ABORTED"
    attached.delete()
