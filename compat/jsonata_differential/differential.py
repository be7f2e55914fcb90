#!/usr/bin/env python3
"""Generated JSONata expressions, evaluated by Stepwell and by jsonata-js: which answers differ?

    python3 compat/jsonata_differential/differential.py --seed 7 --count 100000
    python3 compat/jsonata_differential/differential.py --dialect plain --count 20000
    python3 compat/jsonata_differential/differential.py --expression '$round(2.5)'

`states` is AWS's dialect, beside jsonata-js 2.0.6; `plain` is beside 2.2.2. Needs Node.js and npm, which
brings both into `.build/jsonata-js`, and `target/debug/stepwell` (or STEPWELL_BINARY). The last line counts.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = os.environ.get("STEPWELL_BINARY", TARGET / "debug" / "stepwell")
PACKAGES = ROOT / ".build" / "jsonata-js"
DIALECTS = ("states", "plain")
INPUT = json.loads((HERE / "input.json").read_text())
# Errors of arguments and operands.
NAMED = ("T0410", "T0411", "T0412", "T2010")
# Expression -> why its answers may differ.
KNOWN = {dialect: json.loads((HERE / "known.json").read_text())[dialect] for dialect in DIALECTS}


class Unavailable(Exception):
    """There is no reference to compare with here."""


def reference(dialect):
    """The folder of the reference's package, brought by npm once."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Unavailable("Node.js and npm are needed for the reference, jsonata-js")
    wanted = (HERE / "package-lock.json").read_bytes()
    lock = PACKAGES / "package-lock.json"
    folder = PACKAGES / "node_modules" / f"jsonata-{dialect}"
    if not folder.exists() or not lock.exists() or lock.read_bytes() != wanted:
        PACKAGES.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", PACKAGES)
        shutil.copy(HERE / "package-lock.json", PACKAGES)
        brought = subprocess.run(
            ["npm", "ci", "--silent", "--prefix", PACKAGES], capture_output=True, text=True, timeout=300
        )
        if brought.returncode:
            raise Unavailable(f"npm could not bring jsonata-js: {brought.stderr.strip()[-300:]}")
    return folder


def compare(dialect, seed, count, expressions=None):
    """Each generated expression once: (expression, what the reference says, what we say) where they differ,
    and how many were compared."""
    command = ["node", HERE / "reference.mjs", reference(dialect), str(seed), "-" if expressions else str(count)]
    lines = "\n".join(expressions or [])
    told = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    # Not `splitlines`: JSON texts hold line separators of Unicode as they are.
    theirs = {case["expr"]: case for case in map(read, told.rstrip("\n").split("\n"))}
    asked = (
        json.dumps({"expr": expression, "input": INPUT}) if dialect == "states"
        else json.dumps({"expr": expression, "bindings": {"states": {"input": INPUT}}})
        for expression in theirs
    )
    answered = subprocess.run(
        [BINARY, "eval", "--lines", "--dialect", dialect],
        input="\n".join(asked) + "\n", capture_output=True, text=True, check=True,
    ).stdout.rstrip("\n").split("\n")
    assert len(answered) == len(theirs), "an expression was not answered"
    # Where JavaScript itself stumbles there is nothing to be like.
    pairs = [
        (expression, case, ours(dialect, read(answer)))
        for (expression, case), answer in zip(theirs.items(), answered)
        if case.get("fails", {}).get("code", "") is not None
    ]
    return [pair for pair in pairs if not alike(pair[1], pair[2])], len(pairs)


def read(line):
    # Members in their order: JavaScript has one of its own.
    return json.loads(line, parse_int=float)


def ours(dialect, answer):
    """Our answer in the reference's shape."""
    if "result" in answer:
        return {"gives": answer["result"]}
    if "undefined" in answer:
        return {"nothing": True}
    code, message = answer["error"]["code"], answer["error"]["message"]
    if dialect == "states":
        if code == "INVALID_JSONATA_EXPRESSION":
            return {"refused": message}
        if message.endswith("returned nothing (undefined)."):
            return {"nothing": True}
        return {"fails": message.rpartition("threw an error during evaluation. ")[2] or message}
    return {"fails": f"{code}: {message}"}


def alike(theirs, mine):
    if "gives" in theirs:
        return "gives" in mine and same(theirs["gives"], mine["gives"])
    if "nothing" in theirs:
        return "nothing" in mine
    if "refused" in theirs:
        told = theirs["refused"]
        return told["message"] == mine.get("refused") or f"{told['code']}: {told['message']}" == mine.get("fails")
    return unnamed(f"{theirs['fails']['code']}: {theirs['fails']['message']}") == unnamed(mine.get("fails", ""))


def unnamed(message):
    """The reference names the call that an argument's error has come out of, which need not be the function's own."""
    return re.sub(r'(?<=of )(function|operator) (undefined|"[^"]*")', r"\1", message) if message[:5] in NAMED else message


def same(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def shown(pair):
    expression, theirs, mine = pair
    theirs = {name: value for name, value in theirs.items() if name != "expr"}
    return "\n".join([expression, *(
        f"    {who} {json.dumps(answer, ensure_ascii=False)[:400]}" for who, answer in (("jsonata-js", theirs), ("stepwell  ", mine))
    )])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialect", choices=DIALECTS, default="states")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--expression", action="append", help="instead of generated ones; repeatable")
    flags = parser.parse_args()
    # Half a character is no text, but it may be in an answer.
    sys.stdout.reconfigure(errors="backslashreplace")
    # A batch at a time: a long run needs no memory.
    batch, differ, compared, place = 500, 0, 0, 0
    try:
        while place < (1 if flags.expression else flags.count):
            size = min(batch, flags.count - place)
            found, number = compare(flags.dialect, flags.seed + place, size, flags.expression)
            differences = [pair for pair in found if pair[0] not in KNOWN[flags.dialect]]
            for pair in sorted(differences, key=lambda pair: len(pair[0])):
                print(shown(pair), flush=True)
            differ += len(differences)
            compared += number
            place += batch
    except Unavailable as reason:
        sys.exit(f"nothing was compared: {reason}")
    print(f"{compared} compared, {differ} differ")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
