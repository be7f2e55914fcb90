#!/usr/bin/env python3
"""Every test of the project: format, lints, Rust tests, then real clients against a live server.

    python3 compat/run_tests.py                 everything (what `make test` runs)
    python3 compat/run_tests.py rust s3 chapter  only these parts

The last line is `N passed, N failed`; a part that breaks counts as one failure and stops no other part.
What is installed goes to `.build/`, logs to `.build/logs/`.
"""

import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPAT = ROOT / "compat"
BUILD = ROOT / ".build"
LOGS = BUILD / "logs"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = TARGET / "debug" / "stepwell"

CONSOLE = ROOT / "console"
CARGO = {
    "format": ["cargo", "fmt", "--all", "--check"],
    "dependencies": ["cargo", "deny", "--offline", "check", "bans", "licenses", "sources"],
    "lints": ["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    # A workspace of its own, since it is built with other flags; it must not fall behind what it tries.
    "fuzz": ["cargo", "check", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", str(TARGET / "fuzz")],
    "rust": ["cargo", "test", "--workspace", "--locked", "--no-fail-fast"],
    # Optimized, with every check of a debug build: 5,000 seeds take about a minute.
    "simulation": ["cargo", "test", "--profile", "simulation", "-p", "engine", "--test", "simulation", "--locked", "ends_as"],
}
SEEDS = {"SEEDS_COUNT": "5000"}
# Which clients each environment holds.
ENVIRONMENTS = {
    "v1": "stepfunctions 1.1.2, sagemaker 1.72.1",
    "v2": "stepfunctions 2.3.0, sagemaker 2.257.7, AWS CLI, playwright",
    "s3fs": "s3fs, pandas",
    "elsewhere": "boto3, moto",
    "lab": "stepfunctions 2.3.0, JupyterLab 4, playwright",
}
# What may be missing on a machine whose package index does not have it; CI says that nothing may.
OPTIONAL = () if os.environ.get("CI") else ("lab",)
# A folder of tests runs with the second generation of the SDKs unless it is named here.
FOLDERS = {
    "chapter": ("v1", "v2"), "notebook": ("v1", "v2"), "sagemaker_sdk": ("v1", "v2"), "pandas": ("s3fs",),
    "elsewhere": ("elsewhere",), "lab": ("lab",),
}
# Two suites at once: they mostly wait for jobs and for the clients' own pauses.
SUITES_AT_ONCE = 2

printing = threading.Lock()


class Count:
    """How many tests a part had, and what to show of those that failed."""

    def __init__(self, passed=0, failed=0, skipped=0, shown=""):
        self.passed, self.failed, self.skipped, self.shown = passed, failed, skipped, shown

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def main():
    asked = set(sys.argv[1:])
    suites = [
        (folder.name, environment)
        for folder in sorted(COMPAT.iterdir())
        if any(folder.glob("test_*.py"))
        for environment in FOLDERS.get(folder.name, ("v2",))
    ]
    known = {"page"} | set(CARGO) | {folder for folder, _ in suites}
    if unknown := asked - known:
        sys.exit(f"no part is named {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    suites = [suite for suite in suites if not asked or suite[0] in asked]
    LOGS.mkdir(parents=True, exist_ok=True)
    counts = []

    # Installing is mostly waiting for the network: it happens beside the compiler.
    with concurrent.futures.ThreadPoolExecutor(1) as installer:
        wanted = {needed for _, needed in suites} | ({"v2"} if not asked or "rust" in asked else set())
        installed = {name: installer.submit(environment, name) for name in ENVIRONMENTS if name in wanted}
        # Before the compiler, which puts it into the program.
        if not asked or asked & {"page", "console"}:
            counts.append(part("page", "types and build of the console", page))
        for name, command in CARGO.items():
            if not asked or name in asked:
                counts.append(part(name, " ".join(command), lambda: cargo(name, command, installed.get("v2"))))
        if suites:
            build = ["cargo", "build", "--workspace", "--bins", "--locked"]
            counts.append(part("build", " ".join(build), lambda: cargo("build", build)))

        def suite_part(suite):
            folder, needed = suite
            name = f"{folder} ({needed})"

            def run():
                try:
                    python = installed[needed].result()
                except RuntimeError as error:
                    if needed not in OPTIONAL:
                        raise
                    say(f"   SKIPPED [1] {name}: {error}")
                    return Count(skipped=1)
                return pytest(folder, needed, python)

            return part(name, f"pytest compat/{folder}, {ENVIRONMENTS[needed]}", run)

        with concurrent.futures.ThreadPoolExecutor(SUITES_AT_ONCE) as pool:
            counts.extend(pool.map(suite_part, suites))

    total = Count(*(sum(getattr(count, kind) for count in counts) for kind in ("passed", "failed", "skipped")))
    say("")
    say(str(total))
    sys.exit(1 if total.failed or not total.passed else 0)


def part(name, what, run):
    """Runs one part; whatever goes wrong in it is one failure."""
    say(f"== {name}: {what}")
    start = time.monotonic()
    try:
        count = run()
    except Exception as error:  # noqa: BLE001 - one part must not stop the others
        count = Count(failed=1, shown=f"{type(error).__name__}: {error}")
    if count.failed:
        say(count.shown.rstrip())
    told = count if count.passed or count.failed or count.skipped else "done"
    say(f"   {name}: {told} ({time.monotonic() - start:.0f} s)")
    return count


def page():
    if not shutil.which("npm"):
        say("   there is no npm here: the console is not built")
        return Count(skipped=1)
    for command in (["npm", "ci", "--silent", "--prefix", CONSOLE], ["npm", "run", "build", "--prefix", CONSOLE]):
        code, output = execute("page", command)
        if code:
            return Count(failed=1, shown=output[-8000:])
    return Count(passed=1)


def cargo(name, command, python=None):
    # Some Rust tests ask boto3 what it makes of our answers.
    variables = {"rust": lambda: {"STEPWELL_PYTHON": str(python.result())}, "simulation": lambda: SEEDS}
    variables = variables.get(name, dict)()
    if name == "dependencies":
        if not shutil.which("cargo-deny"):
            say("   SKIPPED [1] dependencies: `cargo install cargo-deny --locked` brings the tool that checks them")
            return Count(skipped=1)
        # Offline it wants the crates of every platform to be here.
        execute("fetch", ["cargo", "fetch", "--locked"])
    code, output = execute(name, command, variables)
    results = re.findall(r"^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored", output, re.M)
    count = Count(*(sum(int(result[kind]) for result in results) for kind in range(3)))
    if name in ("format", "dependencies", "lints", "fuzz"):
        count.passed = int(code == 0)
    # It did not compile, or a test binary died before it could count.
    if code and not count.failed:
        count.failed = 1
    if count.failed:
        count.shown = failures_of_rust(output) if results else output[-8000:]
    return count


def failures_of_rust(output):
    blocks = re.findall(r"^failures:\n\n(---- .*?)^failures:$", output, re.M | re.S)
    return "\n".join(blocks)[-8000:] or output[-8000:]


def pytest(folder, needed, python):
    name = f"{folder}-{needed}"
    report = LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    temporary = BUILD / "tmp" / name
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    code, output = execute(name, [
        python, "-m", "pytest", COMPAT / folder, "-q", "-rfEs", "--disable-warnings", "-p", "no:cacheprovider",
        f"--junitxml={report}", f"--basetemp={temporary}",
    ], {"STEPWELL_BIN": str(BINARY), "PYTHONDONTWRITEBYTECODE": "1"})
    count = Count()
    if report.exists():
        suite = xml.etree.ElementTree.parse(report).getroot().find("testsuite")
        tests, failures, errors, count.skipped = (
            int(suite.get(kind)) for kind in ("tests", "failures", "errors", "skipped")
        )
        count.failed = failures + errors
        count.passed = tests - count.failed - count.skipped
    if code and not count.failed:
        count.failed = 1
    if count.failed:
        count.shown = output[-12000:]
    elif count.skipped:
        say("\n".join(f"   {line}" for line in output.splitlines() if line.startswith("SKIPPED")))
    return count


def environment(name):
    """The Python of a virtual environment with what its two files pin; made again when they change."""
    home = BUILD / f"venv-{name}"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    requirements, constraints = COMPAT / f"requirements-{name}.txt", COMPAT / f"constraints-{name}.txt"
    told = hashlib.sha256(sys.version.encode())
    for file in (requirements, constraints):
        told.update(file.read_bytes())
    stamp = home / ".stamp"
    if stamp.exists() and stamp.read_text() == told.hexdigest():
        return python
    say(f"== installing {ENVIRONMENTS[name]} into {home.relative_to(ROOT)} (a minute or two the first time)")
    start = time.monotonic()
    shutil.rmtree(home, ignore_errors=True)
    # A PIP_CONSTRAINT of `stepwell env` is meant for users' environments.
    plain = {"PIP_CONSTRAINT": ""}
    for command in (
        [sys.executable, "-m", "venv", home],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
         "-r", requirements, "-c", constraints],
    ):
        code, output = execute(f"venv-{name}", command, plain)
        if code:
            raise RuntimeError(f"cannot install {requirements.name}:\n{output[-4000:]}")
    stamp.write_text(told.hexdigest())
    say(f"   installed {home.relative_to(ROOT)} ({time.monotonic() - start:.0f} s)")
    return python


def execute(name, command, variables=()):
    """Exit code and output, which is also kept in a log."""
    ended = subprocess.run(
        [str(word) for word in command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", env={**os.environ, **dict(variables)},
    )
    (LOGS / f"{name}.log").write_text(ended.stdout)
    return ended.returncode, ended.stdout


def say(text):
    with printing:
        print(text, flush=True)


if __name__ == "__main__":
    main()
