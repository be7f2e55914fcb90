"""The chapter's notebook in JupyterLab, seen by a browser that reaches nothing but this machine."""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest
from conftest import ROOT

pytest.importorskip("jupyterlab", reason="needs JupyterLab")
from browser import chromium, expect  # noqa: E402

# What resolves to nothing: every host that is not this machine.
BLOCKED = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
# Long enough to be looked at while it trains.
ROUNDS = 2000

PRELUDE = f"""
import sys
sys.path.insert(0, {str(ROOT / "compat" / "chapter")!r})
import pathlib
from test_chapter import Chapter, names
folder = pathlib.Path({{folder!r}})
chapter = Chapter(None, (folder, []), {{{{"objective": "reg:squarederror", "num_round": "{ROUNDS}"}}}}, name={{name!r}})
workflow = chapter.workflow
"""


class Lab:
    """JupyterLab with one notebook, and the tab that it is looked at in."""

    def __init__(self, page, url, folder):
        self.page, self.url, self.folder = page, url, folder

    def open(self, *cells):
        """A notebook of these cells; none of them has run."""
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        }, "cells": [
            {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "outputs": [], "execution_count": None,
             "source": cell.strip()}
            for number, cell in enumerate(cells)
        ]}
        (self.folder / "chapter.ipynb").write_text(json.dumps(notebook))
        self.page.goto(f"{self.url}/lab/tree/chapter.ipynb?reset")
        # A cell that is run before there is a kernel is not run.
        expect(self.page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=60_000)

    def cell(self, number):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def output(self, number):
        return self.cell(number).locator(".jp-OutputArea-output")

    def run(self, number):
        """Runs a cell as its reader does, and waits until it has run."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        prompt = self.cell(number).locator(".jp-InputArea-prompt")
        expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=120_000)
        return self.output(number)


@pytest.fixture
def lab(server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    notifications = tmp_path / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    notifications.parent.mkdir(parents=True)
    notifications.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "python"),
        # Nothing of the one who runs the tests: settings, kernels, workspaces.
        **{f"JUPYTER_{kind}_DIR": str(tmp_path / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")},
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
    }
    log = tmp_path / "lab.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1",
         "--port-retries=0", f"--ServerApp.root_dir={notebooks}", "--IdentityProvider.token="],
        env=variables, stdin=subprocess.DEVNULL, stdout=open(log, "wb"), stderr=subprocess.STDOUT,
    )
    elsewhere = []
    try:
        answers(f"{url}/api", process, log)
        with chromium(BLOCKED) as browser:
            context = browser.new_context(viewport={"width": 1400, "height": 1600})
            page = context.new_page()
            page.set_default_timeout(30_000)
            page.on("requestfinished", lambda request: elsewhere.append(request.url)
                    if not on_this_machine(request.url) else None)
            yield Lab(page, url, notebooks)
            context.close()
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
        process.wait()
    assert elsewhere == []


def answers(url, process, log):
    deadline = time.monotonic() + 60
    while True:
        try:
            return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5).read()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")
            time.sleep(0.1)


def on_this_machine(url):
    parts = urllib.parse.urlsplit(url)
    return parts.scheme in ("data", "blob") or parts.hostname in ("127.0.0.1", "localhost")


def state(picture, name):
    return picture.locator(f'[data-state="{name}"]')


def has(status):
    return re.compile(rf"(^| ){status}( |$)")


SCREENSHOTS = os.environ.get("STEPWELL_SCREENSHOTS")
STEPS = ("Train Step", "Save model", "Create Endpoint Config", "Create Endpoint")


def test_both_pictures_are_seen_in_jupyterlab_without_the_internet(server, dataset, lab):
    name = f"in-the-lab-{uuid.uuid4().hex[:8]}"
    lab.open(
        PRELUDE.format(folder=str(dataset[0]), name=name),
        "workflow.render_graph()",
        "%load_ext stepwell",
        "workflow.render_graph()",
        "workflow.create()",
        "execution = workflow.execute(inputs=names())\nexecution.render_progress()",
        "import test_chapter; test_chapter.wait(execution)['status']",
        "execution.render_progress()",
        "workflow",
    )
    lab.run(0)
    # The SDK's own picture wants its program from a host that cannot be reached.
    bare = lab.run(1)
    expect(bare.get_by_text("Train Step")).to_have_count(0)

    lab.run(2)
    graph = lab.run(3)
    for step in STEPS:
        expect(state(graph, step)).to_be_visible()
        expect(state(graph, step)).to_have_class(has("notReached"))
        expect(state(graph, step)).to_contain_text(step)
    lab.run(4)

    progress = lab.run(5)
    # It turns while nobody does anything.
    expect(state(progress, "Train Step")).to_have_class(has("running"))
    expect(state(progress, "Create Endpoint")).to_have_class(has("notReached"))
    for word in ("Success", "Failed", "Cancelled", "In Progress", "Caught Error"):
        expect(progress.get_by_text(word, exact=True)).to_be_visible()
    if SCREENSHOTS:
        lab.cell(5).screenshot(path=pathlib.Path(SCREENSHOTS) / "jupyterlab.png")
    for step in STEPS:
        expect(state(progress, step)).to_have_class(has("succeeded"), timeout=120_000)
    lab.run(6)
    expect(lab.output(6)).to_contain_text("SUCCEEDED")
    expect(state(lab.run(7), "Create Endpoint")).to_have_class(has("succeeded"))

    # The links lead to the console of the server, which shows the same run.
    with lab.page.context.expect_page() as opened:
        progress.get_by_role("link", name="Inspect in the Stepwell console").click()
    console = opened.value
    expect(console.locator('[data-name="Create Endpoint"]')).to_have_attribute("data-status", "succeeded")
    assert console.url.startswith(f"{server.url}/_stepwell/console/executions/"), console.url
    link = lab.run(8).get_by_role("link")
    assert link.get_attribute("href").startswith(f"{server.url}/states/home?region=us-east-1#/statemachines/view/")
