#!/usr/bin/env python3
"""How fast the console is, in Chromium: the first load, and an execution of 10,000 events.

    python compat/console/measure.py [PROGRAM]     needs boto3, playwright and Chromium

Prints a table. Nothing here is a test: machines differ."""

import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
if len(sys.argv) > 1:
    os.environ["STEPWELL_BIN"] = sys.argv[1]

import boto3  # noqa: E402
from browser import CHROMIUM, HOME, playwright  # noqa: E402
from conftest import Server  # noqa: E402

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


def main():
    rows = []
    with tempfile.TemporaryDirectory() as folder, playwright.sync_playwright() as driver:
        server = Server(pathlib.Path(folder) / "data").start()
        try:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            rows.append(("first load, nothing kept, until the page is there", *first_load(browser, server)))
            rows += long_execution(browser, server)
        finally:
            server.stop()
    for name, value in rows:
        print(f"{name:62} {value}")


def first_load(browser, server):
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
    return (f"{statistics.median(times) * 1000:.0f} ms, {sizes[0] / 1000:.0f} kB of scripts and styles",)


def long_execution(browser, server):
    states = boto3.client("stepfunctions", endpoint_url=server.url, region_name="us-east-1",
                          aws_access_key_id="test", aws_secret_access_key="test")
    machine = states.create_state_machine(name="long", definition=json.dumps(MACHINE), roleArn=ROLE)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps({"items": list(range(ITEMS))}))["executionArn"]
    while states.describe_execution(executionArn=execution)["status"] == "RUNNING":
        time.sleep(0.1)

    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.add_init_script(WATCH)
    began = time.monotonic()
    page.goto(f"{server.url}{HOME}/executions/{urllib.parse.quote(execution, safe='')}?view=events")
    events = page.get_by_role("table", name="Events")
    events.get_by_role("row").first.wait_for()
    first = time.monotonic() - began
    page.get_by_text("more are coming").wait_for(state="detached")
    whole = time.monotonic() - began
    count = page.locator("[aria-rowcount]").first.get_attribute("aria-rowcount")
    longest_loading = max(page.evaluate("tasks"), default=0)
    page.evaluate("tasks.length = 0; inputs.length = 0")

    frames = page.evaluate("""async () => {
        const table = document.querySelector('.virtual'), times = [];
        let last = performance.now();
        for (let step = 0; step < 120; step++) {
            table.scrollTop += 2000;
            await new Promise(requestAnimationFrame);
            const now = performance.now();
            times.push(now - last);
            last = now;
        }
        return times.sort((a, b) => a - b);
    }""")
    search = page.get_by_label("Contains", exact=True)
    search.press_sequentially("1234")
    page.get_by_label("Show", exact=True).select_option("States")
    page.get_by_role("tab", name="Timeline").click()
    page.get_by_role("table", name="Timeline").wait_for()
    page.wait_for_timeout(300)
    inputs = page.evaluate("inputs")
    elements = page.evaluate("document.querySelectorAll('*').length")
    return [
        (f"execution of {count} events: first of them shown", f"{first * 1000:.0f} ms"),
        ("all of them there", f"{whole * 1000:.0f} ms, in which the page was busy {longest_loading:.0f} ms at most"),
        ("scrolling through: a frame, median and 95 %", f"{frames[60]:.0f} ms, {frames[114]:.0f} ms"),
        ("typing into the filter, changing it, another view: an input", f"{max(inputs, default=0):.0f} ms at most"),
        ("elements in the page", elements),
    ]


if __name__ == "__main__":
    main()
