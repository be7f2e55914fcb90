"""What people do in the console: look at a run, put right what failed, write a state machine, set up a role."""

import base64
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import boto3
import botocore.config
import pytest

import pipeline
from browser import browser, console, expect  # noqa: F401 - fixtures
from conftest import ROOT, Server
from enforcing import Enforcing

ROLE = "arn:aws:iam::000000000000:role/stepwell"
GREEN, RED = "succeeded", "failed"


def page_of(kind, name):
    return f"/{kind}/{urllib.parse.quote(name, safe='')}"


def fresh(word):
    return f"{word}-{uuid.uuid4().hex[:8]}"


def create(definition, name=None):
    return boto3.client("stepfunctions").create_state_machine(
        name=name or fresh("machine"), definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]


def start(machine, **input):
    return boto3.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps(input)
    )["executionArn"]


def ended(execution):
    client = boto3.client("stepfunctions")
    deadline = time.monotonic() + 60
    while (description := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the execution does not end"
        time.sleep(0.1)
    return description


# Runs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chapter(server, dataset):
    """The chapter's pipeline, by its SDK; long enough to look on."""
    module = pytest.importorskip("test_chapter", reason="needs the SDKs")
    hyperparameters = {**module.HYPERPARAMETERS, "num_round": "400"}
    chapter = module.Chapter(server, dataset, hyperparameters)
    chapter.names = module.names()
    return chapter


@pytest.fixture(scope="module")
def trained(chapter):
    """A run of it that has ended; the endpoint answers."""
    import test_chapter

    chapter.workflow.create()
    execution = chapter.workflow.execute(inputs=chapter.names)
    test_chapter.wait(execution)
    test_chapter.in_service(chapter.names["EndpointName"])
    return execution


def test_the_chapters_pipeline_appears_and_turns_green_state_by_state(console, chapter):
    import test_chapter

    page = console.go("/state-machines")
    machine = chapter.workflow.create()
    # Nobody reloads: the list hears of it.
    console.link(chapter.workflow.name).click()
    page.wait_for_url(f"**{page_of('state-machines', machine)}")
    names = test_chapter.names()
    execution = chapter.workflow.execute(inputs=names)
    console.link(execution.execution_arn.rsplit(":", 1)[1]).click()

    expect(console.state("Train Step")).to_have_attribute("data-status", re.compile("running|succeeded"))
    expect(console.state("Create Endpoint")).to_have_attribute("data-status", re.compile("notReached|running|succeeded"))
    for name in ("Train Step", "Save model", "Create Endpoint Config", "Create Endpoint"):
        expect(console.state(name)).to_have_attribute("data-status", GREEN, timeout=60_000)
    expect(page.locator("h1 ~ .status")).to_have_text(re.compile("Succeeded"))


def test_a_job_is_seen_running_with_its_stages_its_metrics_and_its_log(console, server, trained, chapter):
    console.go(page_of("executions", trained.execution_arn))
    console.state("Train Step").click()
    page = console.page
    stages = page.get_by_role("list", name="Stages of the job")
    for stage in ("Starting", "Downloading", "Training", "Uploading", "Completed"):
        expect(stages.get_by_text(stage)).to_be_visible()
    expect(page.get_by_role("list", name="The task", exact=True)).to_contain_text("Submitted")
    expect(page.get_by_role("img", name=re.compile("Metrics of .*train-rmse"))).to_be_visible()
    log = page.get_by_role("table", name=f"Log of {chapter.names['JobName']}")
    expect(log).to_contain_text("train-rmse")

    page.get_by_role("tab", name="Input", exact=True).click()
    expect(page.get_by_label("State input")).to_contain_text(chapter.names["JobName"])
    expect(page.get_by_label("Called with")).to_contain_text("HyperParameters")
    page.get_by_role("tab", name="Output", exact=True).click()
    expect(page.get_by_label("State output")).to_contain_text("ModelArtifacts")


def test_the_artifact_of_a_job_is_a_click_away(console, trained, chapter):
    page = console.go(page_of("training-jobs", chapter.names["JobName"]))
    expect(page.locator("h1 ~ .status")).to_have_text(re.compile("Completed"))
    # It is over: there is nothing to stop.
    expect(console.button("Stop")).to_have_count(0)
    page.get_by_role("link", name="model.tar.gz").click()
    expect(page.get_by_role("heading", name="model.tar.gz")).to_be_visible()
    with page.expect_download() as download:
        console.button("Download").click()
    assert download.value.suggested_filename == "model.tar.gz"


def test_an_endpoint_predicts(console, trained, chapter, dataset):
    page = console.go(page_of("endpoints", chapter.names["EndpointName"]))
    rows = dataset[1][:3]
    console.field("Rows as CSV").fill("\n".join(",".join(map(str, row[1:])) for row in rows))
    console.button("Predict").click()
    predictions = page.get_by_role("group", name="Predictions").locator("tbody tr")
    expect(predictions).to_have_count(3)
    import test_chapter

    expected = test_chapter.predict(chapter.names["EndpointName"], rows)
    shown = [float(predictions.nth(number).locator("strong").inner_text()) for number in range(3)]
    assert shown == pytest.approx(expected)


def test_an_endpoint_of_classes_answers_each_row_with_all_of_them(console, server):
    name = fresh("classes")
    clients = pipeline.Clients(server)
    clients.put_data()
    rows = "".join(f"{number % 3},{number % 3},{number % 7}\n" for number in range(210))
    clients.s3.put_object(Bucket=pipeline.BUCKET, Key="classes.csv", Body=rows.encode())
    clients.sagemaker.create_training_job(
        **pipeline.training_job(name, key="classes.csv", objective="multi:softprob", num_class="3"))
    job = clients.job_until(name, "Completed", "Failed")
    clients.serve(name, job["ModelArtifacts"]["S3ModelArtifacts"])
    page = console.go(page_of("endpoints", name))
    for asked in (["0,1", "2,5"], ["1,4"]):
        console.field("Rows as CSV").fill("\n".join(asked) + "\n")
        console.button("Predict").click()
        expect(page.get_by_text(f"{len(asked)} prediction")).to_be_visible()
        shown = page.get_by_role("group", name="Predictions").locator("tbody tr")
        expect(shown).to_have_count(len(asked))
        for number, row in enumerate(asked):
            expect(shown.nth(number).locator("code")).to_have_text(row)
            classes = [float(part) for part in shown.nth(number).locator("strong").inner_text().split(", ")]
            assert len(classes) == 3 and classes.index(max(classes)) == int(row[0])


def test_what_an_endpoint_is_asked_is_charted_while_it_is_asked(console, trained, chapter, dataset):
    import test_chapter

    name = chapter.names["EndpointName"]
    page = console.go(page_of("endpoints", name))
    chart = page.get_by_role("img", name=re.compile("^Requests a minute"))

    test_chapter.predict(name, dataset[1][:1])
    expect(chart).to_contain_text("invocations")
    expect(page.get_by_role("img", name=re.compile("^Average latency in milliseconds.*model.*overhead"))).to_be_visible()
    with pytest.raises(Exception, match="ModelError|Received client error"):
        boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, ContentType="text/csv", Body="no number")
    # Nobody reloads.
    expect(chart).to_contain_text("refused (4XX)")


def test_a_job_is_followed_line_by_line_until_it_is_over(console, chapter):
    chapter.workflow.create()
    import test_chapter

    names = test_chapter.names()
    execution = chapter.workflow.execute(inputs=names)
    asked = []
    console.page.on("request", lambda request: asked.append(request.headers.get("x-amz-target", "")))
    page = console.go(page_of("executions", execution.execution_arn))
    console.state("Train Step").click()
    log = page.get_by_role("table", name=f"Log of {names['JobName']}")
    expect(log).to_contain_text("[0]")
    rounds = int(chapter.estimator.hyperparameters()["num_round"])
    log.evaluate("table => { table.scrollTop = table.scrollHeight; }")
    stages = page.get_by_role("list", name="Stages of the job")
    expect(stages.get_by_text("Completed")).to_be_visible(timeout=60_000)
    expect(page.locator(f'[aria-label="Log of {names["JobName"]}"]')).to_have_attribute(
        "aria-rowcount", re.compile(rf"^({'|'.join(str(rounds + more) for more in range(60))})$"))
    assert any(target.endswith("GetLogEvents") for target in asked)


def test_a_run_that_fails_is_red_says_why_and_is_redriven_to_green(console, server):
    bucket = fresh("late-bucket")
    machine = create({"StartAt": "Greet", "States": {
        "Greet": {"Type": "Pass", "Result": "hello", "ResultPath": "$.word", "Next": "Write"},
        "Write": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
                  "Parameters": {"Bucket": bucket, "Key": "word", "Body.$": "$.word"}, "End": True},
    }})
    page = console.go(page_of("executions", start(machine, who="world")))
    expect(console.state("Greet")).to_have_attribute("data-status", GREEN)
    expect(console.state("Write")).to_have_attribute("data-status", RED)
    expect(page.get_by_role("alert")).to_contain_text("S3.NoSuchBucketException")
    console.state("Write").click()
    expect(page.locator(".panel .problem")).to_contain_text("bucket")

    boto3.client("s3").create_bucket(Bucket=bucket)
    console.button("Redrive").click()
    expect(console.state("Write")).to_have_attribute("data-status", GREEN)
    expect(page.locator("h1 ~ .status")).to_have_text(re.compile("Succeeded"))


def test_a_caught_error_a_choice_and_branches_are_told_apart(console, server):
    machine = create({"StartAt": "Fork", "States": {
        "Fork": {"Type": "Parallel", "ResultPath": "$.fork", "Next": "Try", "Branches": [
            {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "End": True}}},
            {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "End": True}}},
        ]},
        "Try": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
                "Parameters": {"Bucket": fresh("none"), "Key": "k"}, "Next": "Never",
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Mend"}]},
        "Mend": {"Type": "Pass", "End": True},
        "Never": {"Type": "Pass", "End": True},
    }})
    page = console.go(page_of("executions", start(machine)))
    for name, status in (("Fork", GREEN), ("Left", GREEN), ("Try", "caught"), ("Mend", GREEN), ("Never", "notReached")):
        expect(console.state(name)).to_have_attribute("data-status", status)
    rows = page.get_by_role("group", name="States").locator("tbody tr")
    expect(rows.filter(has_text="Try")).to_contain_text("Caught")
    page.get_by_role("tab", name="Timeline").click()
    expect(page.get_by_role("table", name="Timeline").get_by_role("row")).to_have_count(5)


def test_a_run_is_stopped_and_run_again_with_its_input_in_the_form(console, server):
    machine = create({"StartAt": "Rest", "States": {
        "Rest": {"Type": "Wait", "SecondsPath": "$$.Execution.Input.Seconds", "End": True},
    }})
    execution = start(machine, Seconds=3000)
    page = console.go(page_of("executions", execution))
    expect(console.state("Rest")).to_have_attribute("data-status", "running")
    console.button("Stop").click()
    console.button("Stop execution").click()
    expect(console.state("Rest")).to_have_attribute("data-status", "aborted")

    console.button("Run again").click()
    # The definition reads this key, so the form asks for it.
    expect(console.field("Seconds")).to_have_value("3000")
    console.field("Seconds").fill("0")
    console.button("Start execution").click()
    page.wait_for_url(lambda url: urllib.parse.quote(execution, safe="") not in url)
    expect(page.locator("h1 ~ .status")).to_have_text(re.compile("Succeeded"))


def test_numbers_are_shown_and_sent_as_they_were_written(console, server):
    machine = create({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    client = boto3.client("stepfunctions")
    given = '{"id":12345678901234567890,"share":1.0,"tiny":1e-7,"Name":"a"}'
    execution = client.start_execution(stateMachineArn=machine, input=given)["executionArn"]
    page = console.go(page_of("executions", execution))
    expect(page.get_by_label("Input", exact=True)).to_contain_text('"id": 12345678901234567890,\n  "share": 1.0,')
    console.button("Run again").click()
    console.button("Start execution").click()
    page.wait_for_url(lambda url: urllib.parse.quote(execution, safe="") not in url)
    again = client.describe_execution(executionArn=urllib.parse.unquote(page.url.rsplit("/", 1)[1].split("?")[0]))
    assert json.loads(again["input"], parse_int=str, parse_float=str) == json.loads(given, parse_int=str, parse_float=str)


def test_executions_are_found_by_status_name_and_time(console, server):
    machine = create({"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "SecondsPath": "$.seconds", "End": True}}})
    client = boto3.client("stepfunctions")
    for name, seconds in (("short", 0), ("long", 3000)):
        client.start_execution(stateMachineArn=machine, name=name, input=json.dumps({"seconds": seconds}))
    page = console.go(page_of("state-machines", machine))
    rows = page.get_by_role("group", name="Executions").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="short")).to_contain_text("Succeeded")
    console.field("Status").select_option("RUNNING")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("long")
    console.field("Status").select_option("")
    console.field("Name contains").fill("sho")
    expect(rows).to_have_count(1)
    console.field("Name contains").fill("")
    console.field("Started before").fill("2020-01-01T00:00")
    expect(page.get_by_text("No execution fits.")).to_be_visible()
    console.field("Started before").fill("")
    console.field("Started after").fill("2020-01-01T00:00")
    expect(rows).to_have_count(2)
    client.stop_execution(executionArn=machine.replace(":stateMachine:", ":execution:") + ":long")
    expect(rows.filter(has_text="long")).to_contain_text("Aborted")


def test_many_executions_are_paged_searched_to_the_first_and_stay_true(console, server):
    machine = create({"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "SecondsPath": "$.seconds", "End": True}}})
    client = boto3.client("stepfunctions", config=botocore.config.Config(max_pool_connections=16))

    def begin(number):
        # The two oldest run on.
        client.start_execution(stateMachineArn=machine, name=f"run-{number:04}",
                               input=json.dumps({"seconds": 3000 if number < 2 else 0}))

    begin(0)
    begin(1)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(begin, range(2, 1150)))
    page = console.go(page_of("state-machines", machine))
    rows = page.get_by_role("group", name="Executions").locator("tbody tr")
    pager = page.get_by_role("navigation", name="Pages of executions")
    expect(pager).to_contain_text("1 to 100")
    expect(console.button("Newer")).to_be_disabled()
    for first in range(101, 1150, 100):
        console.button("Older").click()
        expect(pager).to_contain_text(f"{first:,} to {min(first + 99, 1150):,}")
    expect(console.button("Older")).to_be_disabled()
    expect(pager).to_contain_text("of 1,150")
    expect(rows).to_have_count(50)
    # What is far behind the latest is kept true too.
    expect(rows.filter(has_text="run-0001")).to_contain_text("Running")
    client.stop_execution(executionArn=machine.replace(":stateMachine:", ":execution:") + ":run-0001")
    expect(rows.filter(has_text="run-0001")).to_contain_text("Aborted")

    page.reload()
    console.field("Name contains").fill("run-0000")
    expect(rows).to_have_count(1)
    expect(page.get_by_text("1 of 1,150 executions", exact=True)).to_be_visible()
    console.field("Status").select_option("RUNNING")
    expect(page.get_by_text("1 of 1 execution", exact=True)).to_be_visible()
    begin(1150)
    client.stop_execution(executionArn=machine.replace(":stateMachine:", ":execution:") + ":run-0000")
    expect(page.get_by_text("No execution fits.")).to_be_visible()


def test_a_great_machine_is_walked_through_without_being_in_the_page(console, server):
    count = 2000
    states = {f"S{number}": {"Type": "Pass", "Next": f"S{number + 1}"} for number in range(count)}
    machine = create({"StartAt": "S0", "States": {**states, f"S{count}": {"Type": "Succeed"}}})
    page = console.go(page_of("executions", start(machine)))
    expect(console.state("S0")).to_have_attribute("data-status", GREEN)
    assert page.locator("[data-node]").count() < 100
    # The last one is not in the page before the way there has been gone, by the keyboard.
    expect(console.state("S60")).to_have_count(0)
    console.state("S0").focus()
    for number in range(1, 61):
        page.keyboard.press("ArrowDown")
        expect(console.state(f"S{number}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="S60", exact=True)).to_be_visible()


def test_a_long_history_is_looked_through_without_being_in_the_page(console, server):
    machine = create({"StartAt": "Each", "States": {"Each": {
        "Type": "Map", "ItemsPath": "$.items", "End": True, "MaxConcurrency": 0, "ResultPath": None,
        "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}},
    }}})
    execution = start(machine, items=list(range(2400)))
    ended(execution)
    page = console.go(f"{page_of('executions', execution)}?view=events")
    expect(page.get_by_text(re.compile(r"^9,6\d\d events$"))).to_be_visible()
    events = page.get_by_role("table", name="Events")
    assert events.get_by_role("row").count() < 60
    events.evaluate("table => { table.scrollTop = table.scrollHeight; }")
    expect(events.get_by_role("button", name="ExecutionSucceeded")).to_be_visible()
    console.field("Contains").fill('"index":1234')
    expect(events.get_by_role("button", name="MapIterationStarted")).to_be_visible()


def test_of_a_maps_iterations_the_one_that_failed_is_shown_first(console, server):
    bucket = fresh("there")
    boto3.client("s3").create_bucket(Bucket=bucket)
    machine = create({"StartAt": "Each", "States": {"Each": {
        "Type": "Map", "ItemsPath": "$.items", "End": True, "MaxConcurrency": 0,
        "ItemProcessor": {"StartAt": "Read", "States": {
            "Read": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2",
                     "Parameters": {"Bucket.$": "$"}, "End": True}}},
    }}})
    page = console.go(page_of("executions", start(machine, items=[bucket, fresh("none"), bucket])))
    expect(console.state("Read")).to_have_attribute("data-status", RED)
    console.state("Read").click()
    panel = page.locator(".panel", has=page.get_by_role("heading", name="Read", exact=True))
    expect(panel.locator(".problem")).to_contain_text("NoSuchBucket")
    expect(panel).to_contain_text("Iteration1")
    console.field("Entered 3 times; shown").select_option(index=2)
    expect(panel).to_contain_text("Iteration2")
    # It succeeded, or was given up when the other one failed.
    expect(panel.get_by_text("NoSuchBucket")).to_have_count(0)


def test_a_map_run_shows_its_progress_and_its_children(console, server):
    machine = create({"StartAt": "Items", "States": {"Items": {
        "Type": "Map", "ItemsPath": "$.items", "End": True, "ToleratedFailurePercentage": 100, "Label": "Items",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Odd?", "States": {
                "Odd?": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 3, "Next": "No"}], "Default": "Yes"},
                "No": {"Type": "Fail", "Error": "Three"}, "Yes": {"Type": "Succeed"},
            }},
    }}})
    execution = start(machine, items=[1, 2, 3, 4])
    ended(execution)
    page = console.go(f"{page_of('executions', execution)}?view=map-runs")
    # What every child that succeeded came through; where the other one failed its own page tells.
    for name, status in (("Odd?", GREEN), ("Yes", GREEN), ("No", "notReached")):
        expect(console.state(name)).to_have_attribute("data-status", status)
    page.get_by_role("group", name="Map runs").get_by_role("link").click()
    expect(page.get_by_role("progressbar", name="Child executions")).to_have_attribute("aria-valuenow", "4")
    expect(page.get_by_text("3 succeeded, 1 failed of 4").first).to_be_visible()
    children = page.get_by_role("group", name="Child executions").locator("tbody tr")
    expect(children).to_have_count(4)
    console.field("Status").select_option("FAILED")
    expect(children).to_have_count(1)
    children.get_by_role("link").click()
    expect(console.state("No")).to_have_attribute("data-status", RED)


def test_the_children_of_a_map_run_are_paged(console, server):
    machine = create({"StartAt": "Items", "States": {"Items": {
        "Type": "Map", "ItemsPath": "$.items", "End": True, "Label": "Items", "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}}}}})
    execution = start(machine, items=list(range(230)))
    ended(execution)
    map_run = boto3.client("stepfunctions").list_map_runs(executionArn=execution)["mapRuns"][0]["mapRunArn"]
    page = console.go(page_of("map-runs", map_run))
    children = page.get_by_role("group", name="Child executions").locator("tbody tr")
    expect(children).to_have_count(100)
    console.button("Older").click()
    console.button("Older").click()
    expect(children).to_have_count(30)
    expect(page.get_by_text("201 to 230 of 230")).to_be_visible()
    console.button("Newer").click()
    expect(children).to_have_count(100)


def test_an_express_execution_shows_what_came_of_it(console, server):
    client = boto3.client("stepfunctions")
    definition = {"StartAt": "Known?", "States": {
        "Known?": {"Type": "Choice", "Choices": [{"Variable": "$.who", "StringEquals": "nobody", "Next": "No"}], "Default": "Yes"},
        "No": {"Type": "Fail", "Error": "Unknown", "Cause": "Nobody is no one to greet"}, "Yes": {"Type": "Succeed"}}}
    machine = client.create_state_machine(name=fresh("express"), definition=json.dumps(definition), roleArn=ROLE, type="EXPRESS")
    page = console.go(page_of("state-machines", machine["stateMachineArn"]))
    console.button("Start execution").click()
    dialog = page.get_by_role("dialog")
    for who, status, shown in (("world", "Succeeded", '"who": "world"'), ("nobody", "Failed", "Nobody is no one to greet")):
        dialog.get_by_label("Input", exact=True).fill(json.dumps({"who": who}))
        dialog.get_by_role("button", name="Start execution").click()
        expect(dialog.locator(".status")).to_have_text(re.compile(status))
        expect(dialog.locator(".status, .code, .problem").filter(has_text=shown)).to_be_visible()
        expect(dialog.get_by_role("alert")).to_have_count(0)


def test_a_picture_tells_durations_retries_and_items(console, server):
    machine = create({"StartAt": "Each", "States": {
        "Each": {"Type": "Map", "ItemsPath": "$.items", "ResultPath": None, "Next": "Read",
                 "ItemProcessor": {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 1, "End": True}}}},
        "Read": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "End": True,
                 "Parameters": {"Bucket": fresh("none"), "Key": "k"},
                 "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}]},
    }})
    page = console.go(page_of("executions", start(machine, items=[1, 2, 3])))
    expect(console.state("Read")).to_have_attribute("data-status", RED)
    expect(console.state("Each")).to_contain_text(re.compile(r"1\.\d\d s · 3 of 3 items"))
    expect(console.state("Rest")).to_contain_text(re.compile(r"1\.\d\d s · 3 visits"))
    expect(console.state("Read")).to_contain_text(re.compile(r"2\.\d\d s · 2 retries"))
    # What is seen is heard.
    expect(console.state("Read")).to_have_attribute("aria-label", re.compile("2 retries, failed$"))
    assert page.locator("[data-name=Read] text").count() == 4


# Writing -----------------------------------------------------------------------------------------

TWO = {"StartAt": "First", "States": {
    "First": {"Type": "Pass", "Result": 1, "ResultPath": "$.first", "Next": "Second"},
    "Second": {"Type": "Pass", "Result": 2, "ResultPath": "$.second", "End": True},
}}


def test_a_definition_is_refused_at_its_line_put_right_saved_and_run(console, server):
    machine = create(TWO)
    page = console.go(f"{page_of('state-machines', machine)}/edit")
    lines = json.dumps(TWO, indent=2).split("\n")
    wrong = next(number for number, line in enumerate(lines) if '"Next": "Second"' in line)
    lines[wrong] = lines[wrong].replace("Second", "Nowhere")
    console.write("\n".join(lines))
    remarks = page.get_by_role("region", name="Diagnostics").get_by_role("listitem")
    expect(remarks.filter(has_text="Nowhere")).to_contain_text(f"Line {wrong + 1}")
    console.button("Save").click()
    expect(page.get_by_role("alert")).to_contain_text("InvalidDefinition")

    console.write(json.dumps(TWO, indent=2).replace('"Result": 1', '"Result": 7'))
    expect(page.get_by_text("The definition holds")).to_be_visible()
    console.button("Save and publish").click()
    expect(page.get_by_text("Saved, and published as a version.")).to_be_visible()
    console.button("Run").click()
    console.button("Start execution").click()
    expect(page.get_by_label("Output", exact=True)).to_contain_text('"first": 7')
    versions = boto3.client("stepfunctions").list_state_machine_versions(stateMachineArn=machine)
    assert len(versions["stateMachineVersions"]) == 1


def test_a_state_machine_is_made_of_pasted_json_two_states_change_places_and_it_runs(console, server):
    page = console.go("/create")
    name = fresh("pasted")
    console.field("Name").fill(name)
    console.write(json.dumps(TWO))
    expect(console.state("Second")).to_be_visible()
    console.state("First").click()
    console.button("Later").click()
    # `Wait` is put in behind it, from the palette.
    console.button("Wait").click()
    expect(console.state("Wait")).to_be_visible()
    expect(page.get_by_text("The definition holds")).to_be_visible()
    console.button("Create").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    made = next(machine for machine in boto3.client("stepfunctions").list_state_machines()["stateMachines"]
                if machine["name"] == name)
    definition = json.loads(boto3.client("stepfunctions").describe_state_machine(
        stateMachineArn=made["stateMachineArn"])["definition"])
    assert definition["StartAt"] == "Second"
    assert definition["States"]["Second"]["Next"] == "First"
    assert definition["States"]["First"]["Next"] == "Wait"
    assert definition["States"]["Wait"] == {"Type": "Wait", "Seconds": 5, "End": True}

    console.button("Start execution").click()
    page.get_by_role("dialog").get_by_role("button", name="Start execution").click()
    expect(console.state("First")).to_have_attribute("data-status", GREEN)
    expect(console.state("Wait")).to_have_attribute("data-status", re.compile("running|succeeded"))


def test_versions_are_published_and_an_alias_says_where_it_leads(console, server):
    machine = create(TWO)
    page = console.go(f"{page_of('state-machines', machine)}?tab=versions")
    console.button("Publish version").click()
    versions = page.get_by_role("group", name="Versions", exact=True).locator("tbody tr")
    expect(versions).to_have_count(1)
    boto3.client("stepfunctions").update_state_machine(
        stateMachineArn=machine, definition=json.dumps(TWO | {"Comment": "another"}), publish=True)
    expect(versions).to_have_count(2)
    aliases = page.get_by_role("group", name="Aliases").locator("tbody tr")
    for version in ("1", "2"):
        versions.filter(has_text=f"{machine}:{version}").get_by_role("button", name="Point an alias here").click()
        console.field("Alias").fill("live")
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        expect(aliases).to_contain_text(f"version {version}")
    expect(aliases).to_have_count(1)


def test_a_role_that_is_changed_is_saved_and_what_is_not_saved_is_not_lost_unasked(console, server):
    machine = create(TWO)
    page = console.go(f"{page_of('state-machines', machine)}/edit")
    expect(console.button("Run")).to_be_enabled()
    console.field("Role").fill(ROLE + "-other")
    expect(console.button("Run")).to_be_disabled()
    asked = []

    def answer(dialog):
        asked.append(dialog.message)
        dialog.accept() if len(asked) > 1 else dialog.dismiss()

    page.on("dialog", answer)
    leave = page.get_by_role("navigation", name="Pages").get_by_role("link", name="S3")
    leave.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Edit"))
    assert len(asked) == 1 and "not saved" in asked[0]
    leave.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("S3")
    assert len(asked) == 2
    console.go(f"{page_of('state-machines', machine)}/edit")
    console.field("Role").fill(ROLE + "-other")
    console.button("Save").click()
    expect(console.button("Run")).to_be_enabled()
    leave.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("S3")
    assert len(asked) == 2
    described = boto3.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
    assert described["roleArn"] == ROLE + "-other"


def test_a_state_is_tested_with_a_result_and_an_error_of_ones_own(console, server):
    machine = create({"StartAt": "Ask", "States": {
        "Ask": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "Next": "Done",
                "Catch": [{"ErrorEquals": ["S3.Broken"], "Next": "Mend"}]},
        "Mend": {"Type": "Pass", "End": True}, "Done": {"Type": "Succeed"},
    }})
    page = console.go(f"{page_of('state-machines', machine)}/edit")
    console.button("Test state").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("State", exact=True).select_option("Ask")
    dialog.get_by_label("The service’s answer").select_option("a result")
    dialog.get_by_label("Mocked result").fill('{"Buckets": [{"Name": "made-up"}]}')
    dialog.get_by_role("button", name="Test", exact=True).click()
    expect(dialog.get_by_text("SUCCEEDED → Done")).to_be_visible()
    expect(dialog.get_by_label("Output", exact=True)).to_contain_text("made-up")
    dialog.get_by_label("The service’s answer").select_option("an error")
    dialog.get_by_label("Mocked error").fill("S3.Broken")
    dialog.get_by_label("Mocked cause").fill("It was meant to be")
    dialog.get_by_role("button", name="Test", exact=True).click()
    expect(dialog.get_by_text("CAUGHT_ERROR → Mend")).to_be_visible()
    expect(dialog.locator(".problem")).to_contain_text("S3.Broken")


def test_one_state_is_tested_without_an_execution(console, server):
    machine = create(TWO)
    page = console.go(f"{page_of('state-machines', machine)}/edit")
    console.button("Test state").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("State", exact=True).select_option("Second")
    dialog.get_by_label("Input", exact=True).fill('{"given": true}')
    dialog.get_by_role("button", name="Test", exact=True).click()
    expect(dialog.get_by_text("SUCCEEDED")).to_be_visible()
    expect(dialog.get_by_label("Output", exact=True)).to_contain_text('"second": 2')


def test_fields_and_names_of_states_are_offered_while_typing(console, server):
    page = console.go("/create")
    console.write('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": ""}, "Beyond": {"Type": "Succeed"}}}')
    editor = page.get_by_role("textbox", name="Definition", exact=True)
    editor.click()
    page.keyboard.press("Control+Home")
    for _ in range(len('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "')):
        page.keyboard.press("ArrowRight")
    page.keyboard.type("B")
    expect(page.get_by_role("option", name='"Beyond"')).to_be_visible()


# The rest ----------------------------------------------------------------------------------------


def test_a_role_is_made_and_given_policies_by_clicking(console, server):
    page = console.go("/")
    name = fresh("console-role")
    console.link("IAM").first.click()
    console.button("Create role").click()
    console.field("Service").select_option("states.amazonaws.com")
    console.field("Role name").fill(name)
    page.get_by_role("button", name="Create role").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()

    console.button("Attach policy").click()
    console.field("Search policies").fill("sagemakerfull")
    page.get_by_role("checkbox", name="AmazonSageMakerFullAccess").check()
    console.button("Attach").click()
    expect(console.link("AmazonSageMakerFullAccess")).to_be_visible()

    console.button("Add inline policy").click()
    console.field("Policy name").fill("train")
    policy = '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Effect": "Alow",\n      "Action": "sagemaker:*",\n      "Resource": "*"\n    }\n  ]\n}'
    console.write(policy, "Policy")
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_contain_text("Line 5")
    # By the keyboard out of the text, not out of the dialog.
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(page.get_by_role("dialog").get_by_role("button", name="Line 5")).to_be_focused()
    console.button("Save").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("MalformedPolicyDocument")
    console.write(policy.replace("Alow", "Allow"), "Policy")
    console.button("Save").click()
    expect(page.get_by_role("region", name="Inline policies", exact=True).get_by_role("button", name="train", exact=True)).to_be_visible()

    page.get_by_role("button", name=re.compile("^Copy ARN")).first.click()
    expect(page.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    role = boto3.client("iam").get_role(RoleName=name)["Role"]
    assert copied == role["Arn"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "states.amazonaws.com"}


def test_files_go_into_s3_are_seen_and_deleted(console, server, tmp_path):
    bucket = fresh("console")
    page = console.go("/s3")
    console.button("Create bucket").click()
    console.field("Bucket name").fill(bucket)
    console.button("Create").click()
    console.link(bucket).click()
    file = tmp_path / "täble (1).csv"
    file.write_text('name,count\n"a, b",1\n<img src=x onerror=alert(1)>,2\n')
    page.get_by_label("Files to upload").set_input_files(file)
    console.link("täble (1).csv").click()
    rows = page.get_by_role("group", name="täble (1).csv").locator("tbody tr")
    expect(rows).to_have_count(2)
    # Text is shown as text.
    expect(rows.nth(0).locator("td").first).to_have_text("a, b")
    expect(rows.nth(1).locator("td").first).to_have_text("<img src=x onerror=alert(1)>")
    console.button("Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing is in here.")).to_be_visible()


def test_a_log_is_searched_and_followed(console, server):
    group, logs = f"/test/{fresh('group')}", boto3.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")

    def put(*lines):
        now = int(time.time() * 1000)
        logs.put_log_events(logGroupName=group, logStreamName="one",
                            logEvents=[{"timestamp": now, "message": line} for line in lines])

    put("an apple", "a pear")
    page = console.go("/logs")
    console.link(group).click()
    lines = page.get_by_role("table", name=f"Lines of {group}").get_by_role("row")
    expect(lines).to_have_count(2)
    put("another apple")
    expect(lines).to_have_count(3)
    console.field("Filter pattern").fill("apple")
    expect(lines).to_have_count(2)


def test_of_a_long_log_the_end_is_shown_and_followed(console, server):
    group, logs = f"/test/{fresh('long')}", boto3.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")

    def put(*lines):
        now = int(time.time() * 1000)
        logs.put_log_events(logGroupName=group, logStreamName="one",
                            logEvents=[{"timestamp": now, "message": line} for line in lines])

    put(*(f"line {number}" for number in range(6000)))
    page = console.go(page_of("logs", group))
    expect(page.get_by_text("6,000 lines, the latest 5,000 are shown", exact=True)).to_be_visible()
    expect(page.get_by_text("line 5999", exact=True)).to_be_visible()
    put("the last word")
    expect(page.get_by_text("the last word", exact=True)).to_be_visible()
    # Whoever has scrolled up stays there.
    page.get_by_role("table", name=f"Lines of {group}").evaluate("table => { table.scrollTop = 0; }")
    expect(page.get_by_text("line 1001", exact=True)).to_be_visible()
    put("another word")
    expect(page.get_by_text("6,002 lines, the latest 5,000 are shown", exact=True)).to_be_visible()
    expect(page.get_by_text("another word", exact=True)).to_have_count(0)


def test_everything_is_found_from_home(console, server):
    machine = create(TWO, fresh("findable"))
    name = machine.rsplit(":", 1)[1]
    group = f"/test/{fresh('findable')}"
    boto3.client("logs").create_log_group(logGroupName=group)
    page = console.go("/")
    for known in (name, group):
        console.field("Search").fill(known)
        expect(page.locator(".results").get_by_role("link")).to_have_text(known)
    # A service by its name.
    for service, found in (("step functions", "State machines"), ("Amazon SageMaker", "Training jobs"), ("iam", "Roles"),
                           ("simple storage", "Buckets"), ("cloudwatch", "Logs")):
        console.field("Search").fill(service)
        expect(page.locator(".results").get_by_role("link").first).to_have_text(found)
    console.field("Search").fill(start(machine))
    page.keyboard.press("Enter")
    expect(console.state("First")).to_have_attribute("data-status", GREEN)


def test_what_the_set_up_page_says_works(console, server):
    machine = create(TWO)
    page = console.go("/set-up")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    exports, boto, sdk, aws = (
        page.locator(f"pre[aria-label={label}]").nth(which).inner_text()
        for label, which in (("Shell", 1), ("Python", 0), ("Python", 1), ("Shell", 2))
    )

    def said(command, variables):
        ended = subprocess.run(command, env=variables, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert machine in said([sys.executable, "-c", boto], plain)
    # After what `stepwell env` sets.
    assert "SUCCEEDED" in said([sys.executable, "-c", sdk + '\nexecution.get_output(wait=True)\nprint(execution.describe()["status"])'], os.environ)
    tools = {**plain, "PATH": f"{pathlib.Path(sys.executable).parent}:{plain['PATH']}"}
    assert machine in said(["sh", "-c", f"{exports}\n{aws}"], tools)
    rust = page.get_by_label("Rust", exact=True).inner_text()
    used = re.findall(r"stepwell_sdk::(?:(steps)::)?(?:\{(.*)\}|(\w+))", rust)
    names = {name.strip() for _, several, one in used for name in (several or one).split(",")}
    told = (ROOT / "crates/sdk/src/lib.rs").read_text() + (ROOT / "crates/sdk/src/steps/mod.rs").read_text()
    assert names == {"Chain", "Pass", "Client", "Workflow"} and all(re.search(rf"\b{name}\b", told) for name in names)


def test_addresses_of_awss_console_lead_here(console, server):
    machine = create(TWO)
    execution = start(machine)
    page = console.page
    for address, heading in (
        (f"/states/home?region=us-east-1#/statemachines/view/{machine}", machine.rsplit(":", 1)[1]),
        (f"/states/home?region=us-east-1#/v2/executions/details/{execution}", execution.rsplit(":", 1)[1]),
        (f"/states/home?region=us-east-1#/statemachines/edit/{machine}", f"Edit {machine.rsplit(':', 1)[1]}"),
        ("/sagemaker/home?region=us-east-1#/jobs", "Training jobs"),
        ("/iam/home?region=us-east-1#/roles/details/nobody?section=permissions", "nobody"),
        ("/", "Stepwell"),
    ):
        page.goto(server.url + address)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def test_the_keyboard_reaches_the_states_of_a_graph(console, server):
    execution = start(create(TWO))
    page = console.go(page_of("executions", execution))
    expect(console.state("Second")).to_have_attribute("data-status", GREEN)
    console.state("First").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
    expect(console.state("Second")).to_have_attribute("aria-pressed", "true")


def test_only_persons_are_sent_to_the_console_and_the_page_guards_itself(browser, server):
    import http.client

    def ask(path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response, response.read()

    response, _ = ask("/", Accept="text/html")
    assert (response.status, response.headers["location"]) == (302, "/_stepwell/console/")
    response, body = ask("/")
    assert response.status == 200 and b"ListAllMyBucketsResult" in body
    response, body = ask("/_stepwell/console/state-machines", Accept="text/html")
    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "style-src 'self';" in policy and "frame-ancestors 'none'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert not re.search(rb"<script(?![^>]* src=)|<style| on\w+=", body)
    asset = re.search(rb'src="([^"]+\.js)"', body)[1].decode()
    response, _ = ask(asset, **{"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip" and "immutable" in response.headers["cache-control"]
    # A page of another origin may not follow what happens here.
    response, _ = ask("/_stepwell/changes", Origin="https://elsewhere.example")
    assert response.status == 403


def test_what_a_role_lacks_is_told_with_the_execution(server, browser, tmp_path_factory):
    advised = Server(tmp_path_factory.mktemp("advised") / "data", ["--iam", "advise"]).start()
    try:
        def client(service):
            return boto3.client(service, endpoint_url=advised.url, region_name="us-east-1")

        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        role = client("iam").create_role(RoleName="bare", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        client("s3").create_bucket(Bucket="advised-bucket")
        definition = {"StartAt": "Write", "States": {"Write": {
            "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject", "End": True,
            "Parameters": {"Bucket": "advised-bucket", "Key": "word", "Body": "hello"}}}}
        states = client("stepfunctions")
        machine = states.create_state_machine(name="advised", definition=json.dumps(definition), roleArn=role)
        execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{advised.url}/_stepwell/console{page_of('executions', execution)}")
        lacks = page.get_by_role("region", name=re.compile("missing permission")).get_by_role("listitem")
        told = lacks.filter(has_text="s3:PutObject")
        expect(told).to_contain_text("bare may not s3:PutObject on arn:aws:s3:::advised-bucket/word")
        told.get_by_text("Why, and what would allow it").click()
        expect(told.get_by_label("Statement to add to a policy")).to_contain_text('"Action": "s3:PutObject"')
        # It was done all the same.
        expect(page.locator('[data-name="Write"]')).to_have_attribute("data-status", GREEN)
        context.close()
    finally:
        advised.stop()



def test_a_server_that_asks_who_one_is_lets_one_sign_in(browser, tmp_path_factory, monkeypatch):
    # The other server's variables would become the administrator's key.
    for name in [name for name in os.environ if name.startswith(("AWS_", "STEPWELL_ADMIN"))]:
        monkeypatch.delenv(name)
    enforced = Enforcing(tmp_path_factory.mktemp("console") / "data", ["--iam", "enforce"])
    enforced.start()
    try:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{enforced.url}/_stepwell/console/state-machines")
        dialog = page.get_by_role("dialog", name="Sign in")
        expect(dialog).to_be_visible()
        key, secret = enforced.key
        dialog.get_by_label("Access key ID").fill(key)
        dialog.get_by_label("Secret access key").fill("wrong" + secret)
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog).to_be_visible()
        dialog.get_by_label("Access key ID").fill(key)
        dialog.get_by_label("Secret access key").fill(secret)
        dialog.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("There is no state machine yet.")).to_be_visible()
        # What changes is told to whoever signed too, and S3 and the query protocol take the signature.
        expect(page.locator(".live")).to_have_text(re.compile("Live"))
        for path, shown in (("s3", "No bucket yet."), ("iam", "There is no role yet.")):
            page.get_by_role("navigation", name="Pages").get_by_role("link", name=path.upper()).click()
            expect(page.get_by_text(shown)).to_be_visible()
        context.close()
    finally:
        enforced.stop()


@pytest.fixture
def signing_in(tmp_path, monkeypatch):
    """A server that asks who one is, and an identity provider that says so."""
    issuer_of = pytest.importorskip("issuer", reason="needs the packages pyjwt and cryptography")
    for name in [name for name in os.environ if name.startswith(("AWS_", "STEPWELL_ADMIN"))]:
        monkeypatch.delenv(name)
    issuer, account = issuer_of.Issuer(), "000000000000"
    role = f"arn:aws:iam::{account}:role/people"
    (tmp_path / "stepwell.toml").write_text(
        f'[sign_in]\nname = "Example Inc."\nissuer = "{issuer.url}"\nclient_id = "stepwell-console"\n'
        f'scopes = ["email"]\nrole = "{role}"\n')
    enforced = Enforcing(tmp_path / "data", ["--iam", "enforce", "--audit", "management"])
    enforced.start()
    try:
        iam, name = enforced.admin("iam"), issuer.url.removeprefix("http://")
        iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["stepwell-console"])
        iam.create_role(RoleName="people", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
             "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{name}"},
             "Condition": {"StringEquals": {f"{name}:aud": "stepwell-console", f"{name}:sub": "ann"}}}]}))
        iam.put_role_policy(RoleName="people", PolicyName="look", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "states:List*", "Resource": "*"}]}))
        yield enforced, issuer
    finally:
        enforced.stop()
        issuer.stop()


def test_people_sign_in_with_an_identity_provider(browser, signing_in):
    enforced, issuer = signing_in
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{enforced.url}/_stepwell/console/state-machines")
    dialog = page.get_by_role("dialog", name="Sign in")
    dialog.get_by_role("button", name="Sign in with Example Inc.").click()
    # Back on the page one came from, with the rights of the role and no others.
    expect(page.get_by_text("There is no state machine yet.")).to_be_visible()
    expect(page).to_have_url(f"{enforced.url}/_stepwell/console/state-machines")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert "/token" in issuer.asked
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="IAM").click()
    expect(page.get_by_text("assumed-role/people/ann is not authorized to perform: iam:").first).to_be_visible()
    told = enforced.admin("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "AssumeRoleWithWebIdentity"}])["Events"]
    assert [event["Username"] for event in told] == ["ann"]
    context.close()


def test_whom_the_trust_policy_does_not_let_in_is_not_signed_in(browser, signing_in):
    enforced, issuer = signing_in
    issuer.subject = "mallory"
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{enforced.url}/_stepwell/console/state-machines")
    page.get_by_role("button", name="Sign in with Example Inc.").click()
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(page.get_by_text("Not authorized to perform sts:AssumeRoleWithWebIdentity")).to_be_visible()
    # An answer that this tab did not ask for signs nobody in.
    page.goto(f"{enforced.url}/_stepwell/console/signed-in?code=stolen&state=made-up")
    expect(page.get_by_text("This is not the answer to a sign-in of this tab.")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('stepwell.credentials')") is None
    context.close()


def test_a_sign_in_is_held_to_what_was_asked(signing_in):
    enforced, issuer = signing_in

    def bring(**brought):
        asked = {"code": "c", "codeVerifier": "v", "redirectUri": "http://here/", "nonce": "n"} | brought
        request = urllib.request.Request(f"{enforced.url}/_stepwell/sign-in", json.dumps(asked).encode())
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request)
        return json.loads(error.value.read())["message"]

    assert "invalid_grant" in bring()
    # A code that was asked for with another verifier, and a token for another question.
    verifier = "a" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    for code in ("one", "two"):
        issuer.codes[code] = {"client_id": "stepwell-console", "redirect_uri": "http://here/", "nonce": "theirs",
                              "code_challenge": challenge}
    assert "invalid_grant" in bring(code="one")
    assert "not the answer to this sign-in" in bring(code="two", codeVerifier=verifier, nonce="mine")
