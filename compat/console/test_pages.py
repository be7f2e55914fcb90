"""Every page, light and dark, with something on it: axe-core finds nothing serious.

With STEPWELL_SCREENSHOTS=FOLDER each is kept as a picture; those in docs/images are made this way."""

import json
import os
import pathlib
import re
import urllib.parse

import boto3
import pytest

from browser import browser, console, expect  # noqa: F401 - fixtures
from test_console import create, ended, fresh, page_of, start

AXE = pathlib.Path(__file__).resolve().parent.parent.parent / "console" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = os.environ.get("STEPWELL_SCREENSHOTS")

SHAPES = {"Comment": "Every shape", "StartAt": "Prepare", "States": {
    "Prepare": {"Type": "Pass", "Parameters": {"who.$": "$$.Execution.Input.who", "items": [1, 2, 3]}, "Next": "Fork"},
    "Fork": {"Type": "Parallel", "ResultPath": "$.fork", "Next": "Each", "Branches": [
        {"StartAt": "Left", "States": {"Left": {"Type": "Wait", "Seconds": 1, "End": True}}},
        {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "End": True}}},
    ]},
    "Each": {"Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.each", "Next": "Read",
             "ItemProcessor": {"StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": True}}}},
    "Read": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "ResultPath": "$.read",
             "Parameters": {"Bucket": "there-is-none", "Key": "k"}, "Next": "Known?",
             "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.trouble", "Next": "Known?"}]},
    "Known?": {"Type": "Choice", "Default": "Greet",
               "Choices": [{"Variable": "$.who", "StringEquals": "nobody", "Next": "Refuse"}]},
    "Refuse": {"Type": "Fail", "Error": "Unknown", "Cause": "Nobody is no one to greet"},
    "Greet": {"Type": "Succeed"},
}}


@pytest.fixture(scope="module")
def world(server, dataset):
    """Something for every page: the chapter's pipeline has run, others too."""
    import test_chapter

    chapter = test_chapter.Chapter(server, dataset, {**test_chapter.HYPERPARAMETERS, "num_round": "200"},
                                   name="MyTrainTransformDeploy")
    names = test_chapter.names()
    machine = chapter.workflow.create()
    execution = chapter.workflow.execute(inputs=names)
    test_chapter.wait(execution)
    test_chapter.in_service(names["EndpointName"])
    version = boto3.client("stepfunctions").publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    boto3.client("stepfunctions").create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}])
    shapes = create(SHAPES, "every-shape")
    failed = start(shapes, who="nobody")
    for who in ("world", "everybody"):
        start(shapes, who=who)
    ended(failed)
    many = create({"StartAt": "Items", "States": {"Items": {
        "Type": "Map", "ItemsPath": "$.items", "End": True, "ToleratedFailurePercentage": 100, "Label": "Items",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Odd?", "States": {
            "Odd?": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 7, "Next": "No"}], "Default": "Yes"},
            "No": {"Type": "Fail", "Error": "Seven"}, "Yes": {"Type": "Succeed"},
        }},
    }}}, "many-items")
    parent = start(many, items=list(range(40)))
    ended(parent)
    client = boto3.client("stepfunctions")
    map_run = client.list_map_runs(executionArn=parent)["mapRuns"][0]["mapRunArn"]
    iam = boto3.client("iam")
    role = fresh("StepFunctionsWorkflowExecutionRole")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust), Description="For the pipelines")
    policy = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    bucket = chapter.bucket
    at = {"train": chapter.train.split(bucket + "/", 1)[1]}
    execution = execution.execution_arn
    return {
        "home": "/",
        "state-machines": "/state-machines",
        "state-machine": page_of("state-machines", shapes),
        "execution": f"{page_of('executions', execution)}?state=Train+Step",
        "execution-failed": page_of("executions", failed),
        "execution-timeline": f"{page_of('executions', failed)}?view=timeline",
        "execution-events": f"{page_of('executions', failed)}?view=events",
        "map-run": page_of("map-runs", map_run),
        "editor": f"{page_of('state-machines', shapes)}/edit",
        "create": "/create",
        "metrics": f"{page_of('state-machines', shapes)}?tab=metrics",
        "versions": f"{page_of('state-machines', machine)}?tab=versions",
        "training-jobs": "/training-jobs",
        "training-job": page_of("training-jobs", names["JobName"]),
        "models": "/models",
        "model": page_of("models", names["ModelName"]),
        "endpoints": "/endpoints",
        "endpoint": page_of("endpoints", names["EndpointName"]),
        "s3": "/s3",
        "bucket": page_of("s3", bucket),
        "object": f"{page_of('s3', bucket)}?key={urllib.parse.quote(at['train'])}",
        "logs": "/logs",
        "log-group": page_of("logs", "/aws/sagemaker/TrainingJobs"),
        "iam": "/iam",
        "policies": "/iam?tab=policies",
        "role": f"/iam/roles/{role}",
        "policy": f"/iam/policies/{urllib.parse.quote(policy, safe='')}",
        "create-role": "/iam/create-role",
        "set-up": "/set-up",
        "nothing": "/there-is-no-such-page",
    }


PAGES = [
    "home", "state-machines", "state-machine", "execution", "execution-failed", "execution-timeline",
    "execution-events", "map-run", "editor", "create", "metrics", "versions", "training-jobs", "training-job", "models", "model",
    "endpoints", "endpoint", "s3", "bucket", "object", "logs", "log-group", "iam", "policies", "role", "policy",
    "create-role", "set-up", "nothing",
]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_page_is_for_everybody(console, world, name, look):
    page = console.page
    page.emulate_media(color_scheme=look, reduced_motion="reduce")
    console.go(world[name])
    expect(page.get_by_text("Loading…")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".live")).to_have_text(re.compile("Live"))
    page.wait_for_timeout(300)
    if name == "endpoint" and SCREENSHOTS:
        console.field("Rows as CSV").fill("1,1,0,0,6,0,1,0.24,0.29,0.81,0\n3,7,17,0,3,1,1,0.7,0.65,0.5,0.1")
        console.button("Predict").click()
        expect(page.get_by_role("group", name="Predictions")).to_be_visible()
        expect(page.get_by_role("img", name=re.compile("^Requests a minute"))).to_be_visible()
    # A page that works shows no trouble but that of what it shows.
    if "failed" not in name and "execution-" not in name:
        expect(page.get_by_role("alert")).to_have_count(0)
    if SCREENSHOTS:
        # All of it, unless it is very long.
        height = min(page.evaluate("document.documentElement.scrollHeight"), 1800)
        page.screenshot(path=pathlib.Path(SCREENSHOTS) / f"console-{name}-{look}.png", full_page=True,
                        clip={"x": 0, "y": 0, "width": 1400, "height": height})
    # The policy lets no script be written into the page; the debugger may.
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    serious = [
        f"{violation['id']}: {violation['help']}: {[node['html'][:200] for node in violation['nodes'][:3]]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert serious == [], "\n".join(serious)


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_window_scrolls_only_down(console, world, name):
    console.page.set_viewport_size({"width": 390, "height": 800})
    page = console.go(world[name])
    expect(page.get_by_text("Loading…")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_timeout(300)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} pixels too wide"


def test_a_dialog_in_a_narrow_window_cuts_nothing_off(console, world):
    page = console.page
    page.set_viewport_size({"width": 390, "height": 800})
    console.go(world["role"])
    console.button("Attach policy").click()
    expect(page.get_by_role("checkbox").first).to_be_visible()
    assert page.get_by_role("dialog").evaluate("dialog => dialog.scrollWidth - dialog.clientWidth") <= 0
