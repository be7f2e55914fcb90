"""A live server for unmodified clients: the binary under test, a data folder of its own, and the
variables that `stepwell env` prints."""

import contextlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Reference material that may lie beside the project; what needs it is skipped without it.
SHARED = pathlib.Path(os.environ.get("STEPWELL_SHARED", ROOT.parent / "shared"))
BINARY = pathlib.Path(os.environ.get("STEPWELL_BIN", ROOT / "target" / "debug" / "stepwell"))


class Server:
    """`stepwell serve` on a free port."""

    def __init__(self, data, flags=(), scheme="http"):
        self.data = pathlib.Path(data)
        self.flags = list(flags)
        # Whether it can be trusted is for tests to see; whether it is there is seen without.
        self.context = ssl._create_unverified_context() if scheme == "https" else None
        self.process = None
        self.stdout = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.log = self.data.parent / f"{self.data.name}.log"

    def start(self):
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}", *self.flags],
            stderr=open(self.log, "ab"),
            stdin=subprocess.DEVNULL,
            stdout=self.stdout,
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_stepwell/health", timeout=5, context=self.context).read()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")
                time.sleep(0.02)

    def kill(self):
        """As a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0

    def end_jobs(self):
        """Jobs outlive their server by design; those of a test that failed would train for hours."""
        for file in self.data.glob("jobs/*/supervisor.json"):
            supervisor = json.loads(file.read_text())
            for end in (lambda: os.kill(supervisor["pid"], signal.SIGKILL),
                        lambda: os.killpg(supervisor["worker_group"], signal.SIGKILL)):
                # A job that wrote exit.json is over, and its numbers may be others' by now.
                with contextlib.suppress(ProcessLookupError, TypeError, KeyError):
                    if not (file.parent / "exit.json").exists():
                        end()

    def run(self, *words):
        """What a command prints."""
        ended = subprocess.run([BINARY, *words], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def env(self, *more):
        """What `eval "$(stepwell env)"` sets."""
        lines = self.run("env", "--endpoint", self.url, "--data", self.data, "--format", "dotenv", *more)
        return dict(line.split("=", 1) for line in lines.splitlines())


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("stepwell") / "data"
    server = Server(data).start()
    before = dict(os.environ)
    os.environ.update(server.env())
    # The SDKs read it when they are imported, the CLI when it starts.
    os.environ["AWS_MAX_ATTEMPTS"] = "2"
    yield server
    os.environ.clear()
    os.environ.update(before)
    server.stop()
    server.end_jobs()
    shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def own_server(tmp_path):
    """A server of one test alone, to be killed and started again."""
    server = Server(tmp_path / "data")
    yield server
    if server.process and server.process.poll() is None:
        server.stop()
    server.end_jobs()


def rows():
    """The bike-sharing data as numbers, the target first, as the built-in XGBoost wants it."""
    import csv

    months = "Jan Feb March April May June July Aug Sept Oct Nov Dec".split()
    weather = ["clear", "cloudy/misty", "light rain/snow", "heavy rain/snow"]
    with open(ROOT / "examples" / "bikeshare" / "bikeshare.csv", newline="") as file:
        for row in csv.DictReader(file):
            yield [
                row["bikers"], row["season"], months.index(row["mnth"]) + 1, row["hr"], row["holiday"],
                row["weekday"], row["workingday"], weather.index(row["weathersit"]), row["temp"],
                row["atemp"], row["hum"], row["windspeed"],
            ]


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Train.csv and test_data.csv, without header, and the held-out rows as lists of text."""
    folder = tmp_path_factory.mktemp("dataset")
    train, held_out = [], []
    for number, row in enumerate(rows()):
        (held_out if number % 5 == 0 else train).append(row)
    for name, part in (("Train.csv", train), ("test_data.csv", held_out)):
        (folder / name).write_text("".join(",".join(map(str, row)) + "\n" for row in part))
    return folder, held_out
