#!/usr/bin/env python3
"""How fast the console is, in Chromium: the first load, an execution of 10,000 events, a graph of 1,000 and
of 10,000 states, a list of 100,000 executions.

    python compat/console/measure.py [--program PROGRAM] [--traces FOLDER] [--executions N] [WHAT…]

WHAT is any of load, events, graphs, list (all of them unless said). Needs boto3, playwright and Chromium.
Prints a table; with --traces Chromium's own trace of each part is kept, to be opened in its developer tools
(Performance) or Perfetto. Nothing here is a test: machines differ."""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import boto3  # noqa: E402
import botocore.config  # noqa: E402
from browser import HOME, chromium  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/stepwell"
# A Map of 2,497 passes: 4 events each, and a dozen around them.
ITEMS = 2497
MACHINE = {"StartAt": "Each", "States": {"Each": {
    "Type": "Map", "ItemsPath": "$.items", "End": True, "ResultPath": None,
    "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}},
}}}
# The longest stretches in which the page could not answer, and how long an input took to show.
WATCH = """
window.tasks = []; window.inputs = [];
new PerformanceObserver(list => list.getEntries().forEach(entry => tasks.push(entry.duration))).observe({type: 'longtask', buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(entry => inputs.push(entry.duration))).observe({type: 'event', durationThreshold: 16});
"""
FRAMES = """async ([steps, move]) => {
    const go = new Function('step', move), times = [];
    let last = performance.now();
    for (let step = 0; step < steps; step++) {
        go(step);
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        times.push(now - last);
        last = now;
    }
    return times.sort((a, b) => a - b);
}"""
TRACED = ["devtools.timeline", "disabled-by-default-devtools.timeline", "v8.execute", "blink.user_timing"]


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--program", help="the stepwell to measure")
    flags.add_argument("--traces", type=pathlib.Path, help="where Chromium's traces are kept")
    flags.add_argument("--executions", type=int, default=100_000, help="how many the list has")
    flags.add_argument("what", nargs="*", default=list(PARTS))
    given = flags.parse_args()
    if unknown := set(given.what) - set(PARTS):
        flags.error(f"there is no {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if given.program:
        os.environ["STEPWELL_BIN"] = given.program
    from conftest import Server

    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        server = Server(pathlib.Path(folder) / "data").start()
        try:
            for name in given.what:
                with traced(browser, given.traces, name):
                    for what, value in PARTS[name](browser, server, given):
                        print(f"{what:64} {value}", flush=True)
        finally:
            server.stop()


@contextlib.contextmanager
def traced(browser, folder, name):
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    browser.start_tracing(path=str(folder / f"console-{name}.json"), categories=TRACED)
    yield
    browser.stop_tracing()


def client(server):
    return boto3.client("stepfunctions", endpoint_url=server.url, region_name="us-east-1",
                        aws_access_key_id="test", aws_secret_access_key="test",
                        config=botocore.config.Config(max_pool_connections=32))


def watched(browser):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(120_000)
    page.add_init_script(WATCH)
    return page


def forget(page):
    page.evaluate("tasks.length = 0; inputs.length = 0")


def busiest(page):
    return f"{max(page.evaluate('tasks'), default=0):.0f} ms"


def slowest_input(page):
    page.wait_for_timeout(300)
    return f"{max(page.evaluate('inputs'), default=0):.0f} ms at most"


def frames(page, steps, move):
    times = page.evaluate(FRAMES, [steps, move])
    return f"{times[steps // 2]:.0f} ms, {times[steps * 95 // 100]:.0f} ms"


def milliseconds(began):
    return f"{(time.monotonic() - began) * 1000:.0f} ms"


def load(browser, server, _):
    times, sizes = [], []
    for _ in range(5):
        context = browser.new_context()
        page = context.new_page()
        sent = []
        page.on("requestfinished", lambda request: sent.append(request.sizes()["responseBodySize"])
                if "/assets/" in request.url else None)
        began = time.monotonic()
        page.goto(f"{server.url}{HOME}/state-machines")
        page.get_by_text("There is no state machine yet.").wait_for()
        times.append(time.monotonic() - began)
        sizes.append(sum(sent))
        context.close()
    yield ("first load, nothing kept, until the page is there",
           f"{statistics.median(times) * 1000:.0f} ms, {sizes[0] / 1000:.0f} kB of scripts and styles")


def events(browser, server, _):
    states = client(server)
    machine = states.create_state_machine(name="long", definition=json.dumps(MACHINE), roleArn=ROLE)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps({"items": list(range(ITEMS))}))["executionArn"]
    while states.describe_execution(executionArn=execution)["status"] == "RUNNING":
        time.sleep(0.1)
    page = watched(browser)
    began = time.monotonic()
    page.goto(f"{server.url}{HOME}/executions/{urllib.parse.quote(execution, safe='')}?view=events")
    page.get_by_role("table", name="Events").get_by_role("row").first.wait_for()
    first = milliseconds(began)
    page.get_by_text("more are coming").wait_for(state="detached")
    whole = milliseconds(began)
    count = page.locator("[aria-rowcount]").first.get_attribute("aria-rowcount")
    yield f"execution of {count} events: first of them shown", first
    yield "… all of them there", f"{whole}, in which the page was busy {busiest(page)} at most"
    forget(page)
    yield ("… scrolling through: a frame, median and 95 %",
           frames(page, 120, "document.querySelector('.virtual').scrollTop += 2000"))
    page.get_by_label("Contains", exact=True).press_sequentially("1234")
    page.get_by_label("Show", exact=True).select_option("States")
    page.get_by_role("tab", name="Timeline").click()
    page.get_by_role("table", name="Timeline").wait_for()
    yield "… typing into the filter, changing it, another view: an input", slowest_input(page)
    yield "… elements in the page", page.evaluate("document.querySelectorAll('*').length")
    page.close()


def machine_of(count):
    """So many states with choices, ways back, and one handler that catches for each third of them. Names are
    short: a definition has a megabyte at most."""
    def name(number):
        return f"State {min(max(number, 0), count - 1)}"

    states = {}
    for number in range(count):
        if number + 1 == count:
            state = {"Type": "Succeed"}
        elif number % 11 == 5:
            rules = [{"Variable": "$.a", "NumericEquals": ahead, "Next": name(number + ahead)} for ahead in (1, 3, 5)]
            state = {"Type": "Choice", "Choices": rules, "Default": name(number - 4)}
        elif number % 3 == 0:
            state = {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Next": name(number + 1),
                     "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]}
        else:
            state = {"Type": "Pass", "Next": name(number + 1)}
        states[name(number)] = state
    states["Failed"] = {"Type": "Fail"}
    return json.dumps({"StartAt": name(0), "States": states}, separators=(",", ":"))


def graphs(browser, server, _):
    states = client(server)
    for count in (1_000, 10_000):
        machine = states.create_state_machine(
            name=f"great-{count}", definition=machine_of(count), roleArn=ROLE)["stateMachineArn"]
        page = watched(browser)
        took = []
        page.on("requestfinished", lambda request: took.append(
            (request.timing["responseEnd"], request.sizes()["responseBodySize"])
        ) if request.url.endswith("/_stepwell/graph") else None)
        began = time.monotonic()
        page.goto(f"{server.url}{HOME}/state-machines/{urllib.parse.quote(machine, safe='')}")
        page.locator("[data-node]").first.wait_for()
        shown = milliseconds(began)
        page.wait_for_timeout(500)
        yield (f"graph of {count:,} states: shown",
               f"{shown}, of which the server's {took[0][0]:.0f} ms; busy {busiest(page)} at most")
        forget(page)
        box = page.locator(".graph").bounding_box()
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.move(*middle)
        page.mouse.down()
        times = []
        for step in range(40):
            moved = time.monotonic()
            page.mouse.move(middle[0], middle[1] - 10 * step)
            page.evaluate("new Promise(requestAnimationFrame)")
            times.append((time.monotonic() - moved) * 1000)
        page.mouse.up()
        times.sort()
        yield "… dragging it: a step, median and 95 %", f"{times[20]:.0f} ms, {times[38]:.0f} ms"
        forget(page)
        page.get_by_role("button", name="Zoom in").click()
        page.get_by_role("button", name="Zoom out").click()
        yield "… zooming: an input", slowest_input(page)
        yield "… elements in the page", page.evaluate("document.querySelectorAll('*').length")
        page.close()


def executions(browser, server, given):
    states = client(server)
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    machine = states.create_state_machine(name="many", definition=definition, roleArn=ROLE)["stateMachineArn"]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        for _ in pool.map(lambda number: states.start_execution(stateMachineArn=machine, name=f"run-{number}-"),
                          range(given.executions)):
            pass
    page = watched(browser)
    began = time.monotonic()
    page.goto(f"{server.url}{HOME}/state-machines/{urllib.parse.quote(machine, safe='')}")
    rows = page.get_by_role("group", name="Executions").locator("tbody tr")
    rows.first.wait_for()
    yield (f"list of {given.executions:,} executions: the latest shown",
           f"{milliseconds(began)}; busy {busiest(page)} at most")
    pager = page.get_by_role("navigation", name="Pages of executions")
    times = []
    for first in range(101, 2001, 100):
        began = time.monotonic()
        page.get_by_role("button", name="Older").click()
        pager.get_by_text(f"{first:,} to").wait_for()
        times.append((time.monotonic() - began) * 1000)
    times.sort()
    yield "… the next hundred of them, twenty times: median and most", f"{times[len(times) // 2]:.0f} ms, {times[-1]:.0f} ms"
    for where, number in (("10,000th", given.executions - 10_000), ("first of all", 0)):
        page.reload()
        rows.first.wait_for()
        forget(page)
        began = time.monotonic()
        page.get_by_label("Name contains", exact=True).fill(f"run-{max(number, 0)}-")
        page.wait_for_function("() => document.querySelectorAll('[aria-label=Executions] tbody tr').length === 1")
        yield f"… the {where} found by its name", milliseconds(began)
        page.get_by_text("Searching").wait_for(state="detached")
        yield "… and all searched", f"{milliseconds(began)}; busy {busiest(page)} at most"
    yield "… typing: an input", slowest_input(page)
    page.close()


PARTS = {"load": load, "events": events, "graphs": graphs, "list": executions}


if __name__ == "__main__":
    main()
