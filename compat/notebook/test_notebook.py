"""Notebooks of the Step Functions Data Science SDK with `%load_ext stepwell`, run as Jupyter runs them."""

import html
import re
import sys
import time

import boto3
import pytest
from conftest import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

BEGIN = """
import time
from stepfunctions.steps import Chain, Choice, ChoiceRule, Fail, Pass, Wait
from stepfunctions.workflow import Workflow
role = "arn:aws:iam::000000000000:role/stepwell"
rest = Wait(state_id="Rest", seconds=3)
rest.next(Pass("After"))
"""
OTHERS = re.compile(r"https?://[^\s\"'<>]+")


@pytest.fixture
def run(server, monkeypatch):
    """Runs cells in one kernel; the outputs of each, as they are in the end."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))

    def run(*cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
        return [cell.outputs for cell in notebook.cells]

    return run


def shown(outputs):
    """The HTML of a cell's only picture."""
    found = [output.data for output in outputs if "text/html" in output.get("data", {})]
    assert len(found) == 1, outputs
    return found[0]["text/html"]


def states(picture):
    """Each state's status, as the picture's classes tell it."""
    return {
        html.unescape(name): status
        for status, name in re.findall(r'<g class="(?:state|container) (\w+)" data-state="([^"]+)"', picture)
    }


def test_pictures_need_nothing_but_the_server(server, run):
    _, _, drawn, followed, _, again, links = run(
        "%load_ext stepwell",
        BEGIN + 'workflow = Workflow("pictured", Chain([rest]), role=role)\nworkflow.create()',
        "workflow.render_graph()",
        "execution = workflow.execute(inputs={})\nexecution.render_progress()",
        'execution.get_output(wait=True)\nwhile execution.describe()["status"] == "RUNNING": time.sleep(0.1)\ntime.sleep(4)',
        "execution.render_progress(portrait=True)",
        "execution",
    )
    graph = shown(drawn)
    assert states(graph) == {"Rest": "notReached", "After": "notReached"}
    # It was drawn when the execution had just begun, and has changed since.
    for picture in (shown(followed), shown(again)):
        assert states(picture) == {"Rest": "succeeded", "After": "succeeded"}
        for word in ("Success", "Failed", "Cancelled", "In Progress", "Caught Error"):
            assert word in picture
        assert f"{server.url}/states/home?region=us-east-1#/executions/details/arn:aws:states:" in picture
    for picture in (graph, shown(followed), shown(again), shown(links)):
        assert "<script" not in picture
        asked = {url for url in OTHERS.findall(picture) if url != "http://www.w3.org/2000/svg"}
        assert all(url.startswith(server.url) for url in asked), asked
    assert f"{server.url}/states/home" in shown(links)
    # Who reads the notebook as text sees it too.
    assert "│ ✔ Rest" in again[0].data["text/plain"]


def test_a_failure_is_red_and_what_was_caught_orange(run):
    cells = run(
        "%load_ext stepwell",
        BEGIN + """
from stepfunctions.steps import Catch, Parallel
both = Parallel("Both")
both.add_branch(Fail("Broken", error="Mine", cause="by design"))
both.add_catch(Catch(error_equals=["States.ALL"], next_step=Fail("Given up")))
workflow = Workflow("pictured-failure", Chain([both]), role=role)
workflow.create()
execution = workflow.execute(inputs={})
while execution.describe()["status"] == "RUNNING": time.sleep(0.1)
""",
        "execution.render_progress()",
    )
    assert states(shown(cells[2])) == {"Both": "caught", "Both/0/Broken": "failed", "Given up": "failed"}


def test_without_the_extension_and_at_aws_nothing_changes(server, run):
    cells = run(
        BEGIN + 'workflow = Workflow("pictured-plain", Chain([rest]), role=role)\nworkflow.create()',
        "workflow.render_graph()",
        "%load_ext stepwell",
        """
import boto3
aws = boto3.client("stepfunctions", endpoint_url="https://states.us-east-1.amazonaws.com", region_name="us-east-1")
Workflow("elsewhere", Chain([rest]), role=role, client=aws).render_graph()
""",
        "%unload_ext stepwell",
        "workflow.render_graph()",
    )
    for index in (1, 3, 5):
        assert "StateMachineGraph" in shown(cells[index])


def test_pictures_are_files_too(server, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "python"))
    from stepwell import Picture
    from stepwell.server import NoPicture

    client = boto3.client("stepfunctions")
    definition = '{"StartAt": "One", "States": {"One": {"Type": "Succeed"}}}'
    picture = Picture(client, {"definition": definition})
    for name, begins in {"a.svg": "<svg", "a.mmd": "flowchart", "a.json": "{", "a.txt": " "}.items():
        picture.save(tmp_path / name)
        assert (tmp_path / name).read_text().startswith(begins)
    with pytest.raises(NoPicture, match="Execution Does Not Exist"):
        Picture(client, {"executionArn": "arn:aws:states:us-east-1:000000000000:execution:no:no"}).svg()
