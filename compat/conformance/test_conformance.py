"""What AWS itself answered, replayed against a server of our own: one replay of all cases that need no
service but those we serve, judged twice."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from conftest import SHARED, Server
from select_cases import selected

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = SHARED / "conformance"
SELECTION = (HERE / "selection.txt").read_text().split("\n")[:-1]
# What cases may need beside Step Functions.
SERVED = "s3,logs,iam,sts,cloudwatch"
# Cases held to be outdated: id -> reason.
EXCEPTIONS = json.loads((HERE.parent / "conformance-exceptions.json").read_text())

pytestmark = pytest.mark.skipif(
    not (RECORDED / "run.py").exists(), reason=f"the recorded cases are not at {RECORDED}"
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    # Some cases list the whole account: they want one that nothing else uses.
    folder = tmp_path_factory.mktemp("conformance")
    server = Server(folder / "data").start()
    try:
        report = folder / "report.json"
        ended = subprocess.run(
            [sys.executable, RECORDED / "run.py", "--endpoint", server.url, "--services", SERVED, "--json", report],
            capture_output=True, text=True, timeout=900,
            # The answers were recorded by a client whose error texts say nothing of retries.
            env={**os.environ, "AWS_RETRY_MODE": "legacy"},
        )
        assert report.exists(), f"the replay broke:\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
        return json.loads(report.read_text())["cases"]
    finally:
        server.stop()


def failures(outcomes, ids):
    return [
        f"{case}: {outcomes[case]['detail'][:300]}"
        for case in ids
        if outcomes[case]["outcome"] != "pass" and case not in EXCEPTIONS
    ]


def test_the_selection_is_what_its_rule_says():
    assert SELECTION == selected(RECORDED / "cases")


def test_exceptions_name_cases_that_fail_and_say_why(outcomes):
    for case, reason in EXCEPTIONS.items():
        assert reason and outcomes[case]["outcome"] == "fail", f"{case} is no exception any more"


def test_the_selected_cases_pass(outcomes):
    failed = failures(outcomes, SELECTION)
    share = 1 - len(failed) / len(SELECTION)
    assert share >= 0.95, f"{share:.1%} of {len(SELECTION)} pass; these do not:\n" + "\n".join(failed)


def test_no_fewer_cases_pass_than_ever_before(outcomes):
    gate = json.loads((HERE / "gate.json").read_text())["passed"]
    passed = sum(outcome["outcome"] == "pass" for outcome in outcomes.values())
    print(f"{passed} of the cases that need only what we serve pass; the gate stands at {gate}")
    assert passed >= gate, "\n".join(failures(outcomes, [case for case in outcomes if outcomes[case]["outcome"] == "fail"]))
