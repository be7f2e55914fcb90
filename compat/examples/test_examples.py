"""Every example, run as its README says."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest
from conftest import BINARY, ROOT

EXAMPLE = ROOT / "examples" / "bikeshare"


@pytest.fixture
def folder(tmp_path):
    """The example's folder, in a place where it may write."""
    ignored = shutil.ignore_patterns("rust", "prepared", "__pycache__")
    return shutil.copytree(EXAMPLE, tmp_path / "bikeshare", ignore=ignored)


def run(command, folder=ROOT, **variables):
    """Runs in the test's environment, where `stepwell` and `aws` are found by name; what it printed."""
    paths = [BINARY.parent, pathlib.Path(sys.executable).parent, os.environ["PATH"]]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": os.pathsep.join(map(str, paths)), **variables},
    )
    assert ended.returncode == 0, f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    return ended.stdout


def commands(heading, with_):
    """The README's shell block under a heading that has this word in it."""
    section = (EXAMPLE / "README.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return next(block for block in re.findall(r"```sh\n(.*?)```", section, re.S) if with_ in block)


def shell(script, folder, **variables):
    # The library lies in the project's environment, found from its folder; the example runs elsewhere.
    return run(["bash", "-euc", script], folder, VIRTUAL_ENV=str(ROOT / ".venv"), **variables)


def error_of(output, name):
    return float(re.search(rf"{name}[^\n]*: +([\d.]+)", output)[1])


def test_the_data_is_numbers_and_split_alike_in_python_and_rust(folder):
    assert "6916 hours" in run([sys.executable, "prepare.py"], folder)
    lines = {part: (folder / "prepared" / f"{part}.csv").read_text().splitlines() for part in ("train", "validation", "test")}
    assert {part: len(rows) for part, rows in lines.items()} == {"train": 6916, "validation": 865, "test": 864}
    # The same first line that the Rust example's own test expects.
    assert lines["train"][0] == "16,1,1,1,0,0,6,0,1,0.24,0.2879,0.81,0"
    for rows in lines.values():
        assert {len([float(cell) for cell in row.split(",")]) for row in rows} == {13}


def test_pipeline_py(server, folder):
    output = run([sys.executable, "pipeline.py"], folder)
    assert "predicted       actual" in output
    assert error_of(output, "RMSE over 864 such hours") < 40 < 100 < error_of(output, "of the best constant")


def test_the_notebook_cell_by_cell(server, folder, monkeypatch, capsys):
    from IPython.core.interactiveshell import InteractiveShell

    notebook = json.loads((folder / "pipeline.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 8 and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    shell = InteractiveShell()
    for cell in cells:
        shell.run_cell("".join(cell["source"])).raise_error()
    output = capsys.readouterr().out
    assert error_of(output, "RMSE over 864 hours") < 40 < 100 < error_of(output, "of the best constant")
    assert "Train Step" in shell.user_ns["workflow"].render_graph().data
    sys.modules.pop("prepare", None)


def test_stepwell_run_needs_no_server(folder):
    printed = shell(commands("The state machine itself", "stepwell run"), folder)
    output = json.loads(printed.splitlines()[-1])
    assert ":endpoint/" in output["Endpoint"] and output["Model"].endswith("/output/model.tar.gz")
    metrics = {metric["MetricName"]: metric["Value"] for metric in output["Metrics"]}
    assert metrics["train:rmse"] < metrics["validation:rmse"] < 40


def test_the_state_machine_with_the_aws_cli(server, folder):
    run([sys.executable, "prepare.py"], folder)
    # `stepwell env` takes the address from the configuration beside the data folder.
    configuration = server.data.parent / "stepwell.toml"
    configuration.write_text(f'listen = "127.0.0.1:{server.port}"\n')
    try:
        output = shell(commands("The state machine itself", "aws stepfunctions"), folder, STEPWELL_DATA=str(server.data))
    finally:
        configuration.unlink()
    assert '"status": "SUCCEEDED"' in output
    predicted = [float(guess) for guess in (folder / "predictions.csv").read_text().replace("\n", ",").split(",") if guess]
    actual = [float(row.split(",")[0]) for row in (folder / "prepared" / "test.csv").read_text().splitlines()]
    assert len(predicted) == len(actual) == 864
    assert (sum((a - p) ** 2 for a, p in zip(actual, predicted)) / len(actual)) ** 0.5 < 40


def test_the_program_in_rust(server):
    program = BINARY.parent / "bikeshare"
    if not program.exists():
        subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", "bikeshare"], cwd=ROOT, check=True)
    output = run([program])
    assert "Create Endpoint" in output
    assert error_of(output, "root mean square error on 864 hours") < 40 < 100 < error_of(output, "of always saying the mean")


def test_stepwell_demo_ends_all_that_it_started(tmp_path):
    output = run([BINARY, "demo"], TMPDIR=str(tmp_path))
    assert error_of(output, "root mean square error over 864 such hours") < 40 < 100 < error_of(output, "of the best constant")
    assert "What to try next" in output and "stepwell env" in output
    # Children know the data folder by their arguments or their environment.
    deadline = time.monotonic() + 5
    while left := processes_that_know(str(tmp_path)):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)
    assert not list(tmp_path.iterdir()), "the temporary folder is left behind"


def processes_that_know(text):
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in told and int(process.name) != os.getpid():
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
