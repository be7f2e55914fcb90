#!/usr/bin/env python3
"""Makes the service models in data/ and the table in src/catalog.rs from the PyPI package `botocore`.

    python3 -m venv /tmp/models && /tmp/models/bin/pip install botocore==1.44.5
    /tmp/models/bin/python crates/models/update.py            # writes
    /tmp/models/bin/python crates/models/update.py --check    # says whether what is checked in is what it would write

Kept: shapes, constraints, errors, HTTP bindings. Left out: documentation, endpoint rules, everything we do not read.
The same botocore gives the same bytes (no time stamps, sorted keys where order has no meaning). Another version:
change BOTOCORE below, run it, read the diff of the sizes, run the tests of `models`.
"""

import gzip
import importlib.metadata
import io
import json
import os
import sys

import botocore

BOTOCORE = "1.44.5"
HERE = os.path.dirname(os.path.abspath(__file__))

METADATA = ["apiVersion", "awsQueryCompatible", "endpointPrefix", "jsonVersion", "protocol", "protocols",
            "serviceId", "signingName", "targetPrefix", "xmlNamespace"]
REFERENCE = ["shape", "location", "locationName", "flattened", "streaming", "jsonvalue", "timestampFormat",
             "xmlNamespace", "xmlAttribute", "eventpayload"]
SHAPE = ["type", "required", "enum", "min", "max", "pattern", "sensitive", "payload", "flattened", "union",
         "document", "exception", "fault", "timestampFormat", "locationName", "eventstream", "streaming"]


def services():
    """The lines of services.txt: botocore's name, Step Functions' name, error prefix."""
    with open(os.path.join(HERE, "services.txt"), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, task_name, error_prefix = line.split()
                yield name, task_name, error_prefix


def pick(keys, source):
    return {key: source[key] for key in keys if key in source and source[key] is not False}


def strip_shape(shape):
    kept = pick(SHAPE, shape)
    # The order of members is meaning: AWS reports violations in it and writes XML in it.
    if "members" in shape:
        kept["members"] = {name: pick(REFERENCE, member) for name, member in shape["members"].items()}
    for part in ("member", "key", "value"):
        if part in shape:
            kept[part] = pick(REFERENCE, shape[part])
    if "error" in shape:
        kept["error"] = pick(["code", "httpStatusCode", "senderFault"], shape["error"])
    return kept


def strip_operation(operation):
    kept = {"http": pick(["method", "requestUri", "responseCode"], operation["http"])}
    if operation["http"].get("responseCode") == 200:
        del kept["http"]["responseCode"]
    for part in ("input", "output"):
        if part in operation:
            kept[part] = pick(["shape", "locationName", "resultWrapper", "xmlNamespace"], operation[part])
    if operation.get("errors"):
        kept["errors"] = [error["shape"] for error in operation["errors"]]
    prefix = operation.get("endpoint", {}).get("hostPrefix")
    if prefix:
        kept["hostPrefix"] = prefix
    return kept


def strip(model):
    """The model without what nobody reads."""
    return {
        "metadata": pick(METADATA, model["metadata"]),
        "operations": {name: strip_operation(model["operations"][name]) for name in sorted(model["operations"])},
        "shapes": {name: strip_shape(model["shapes"][name]) for name in sorted(model["shapes"])},
    }


def newest(name):
    folder = os.path.join(os.path.dirname(botocore.__file__), "data", name)
    version = max(entry for entry in os.listdir(folder) if os.path.isdir(os.path.join(folder, entry)))
    with gzip.open(os.path.join(folder, version, "service-2.json.gz")) as file:
        return json.load(file)


def compress(model):
    buffer = io.BytesIO()
    text = json.dumps(model, separators=(",", ":"), ensure_ascii=False).encode()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(text)
    return buffer.getvalue()


def rust(value):
    if value is None:
        return "None"
    return "Some(%s)" % json.dumps(value)


def catalog(models):
    """src/catalog.rs: what tells services apart, so that start-up parses no model."""
    out = ["//! What tells the services apart. Written by `update.py`; do not edit.", "",
           "use crate::service::Entry;", "",
           "/// The version of the PyPI package `botocore` that the models come from.",
           'pub const BOTOCORE: &str = "%s";' % BOTOCORE, "",
           "/// Every service whose model we carry, in the order of `services.txt`.",
           "pub(crate) static ENTRIES: &[Entry] = &["]
    for name, task_name, error_prefix, model in models:
        metadata = model["metadata"]
        out += ["    Entry {",
                "        name: %s," % json.dumps(name),
                "        id: %s," % json.dumps(metadata["serviceId"]),
                "        task_name: %s," % json.dumps(task_name),
                "        error_prefix: %s," % json.dumps(error_prefix),
                "        protocols: &[%s]," % ", ".join(json.dumps(p) for p in metadata.get("protocols", [metadata["protocol"]])),
                "        target_prefix: %s," % rust(metadata.get("targetPrefix")),
                "        signing_name: %s," % json.dumps(metadata.get("signingName", metadata["endpointPrefix"])),
                "        endpoint_prefix: %s," % json.dumps(metadata["endpointPrefix"]),
                "        api_version: %s," % json.dumps(metadata["apiVersion"]),
                '        data: include_bytes!("../data/%s.json.gz"),' % name,
                "    },"]
    out += ["];", ""]
    return "\n".join(out).encode()


def licences():
    """botocore's licence and notice, to lie beside what was made from it."""
    for file in importlib.metadata.files("botocore"):
        base = os.path.basename(str(file))
        if base in ("LICENSE.txt", "NOTICE"):
            yield base, file.locate().read_bytes()


def build():
    """Path below crates/models -> bytes, of everything this script makes."""
    if botocore.__version__ != BOTOCORE:
        sys.exit("botocore is %s, the models are made from %s: pip install botocore==%s"
                 % (botocore.__version__, BOTOCORE, BOTOCORE))
    models = [(name, task, prefix, strip(newest(name))) for name, task, prefix in services()]
    made = {"data/%s.json.gz" % name: compress(model) for name, _, _, model in models}
    made["src/catalog.rs"] = catalog(models)
    made.update({"data/%s" % base: text for base, text in licences()})
    return made


def same(path, new):
    try:
        with open(os.path.join(HERE, path), "rb") as file:
            old = file.read()
    except FileNotFoundError:
        return False
    # Another zlib may compress otherwise; what counts is what is inside.
    return old == new or (path.endswith(".gz") and gzip.decompress(old) == gzip.decompress(new))


def main():
    made = build()
    stale = {name for name in os.listdir(os.path.join(HERE, "data")) if "data/" + name not in made}
    if "--check" in sys.argv[1:]:
        wrong = sorted([path for path, text in made.items() if not same(path, text)] + ["data/" + n for n in stale])
        if wrong:
            sys.exit("not what update.py would write: " + ", ".join(wrong))
        print("up to date with botocore " + BOTOCORE)
        return
    for path, text in made.items():
        with open(os.path.join(HERE, path), "wb") as file:
            file.write(text)
    for name in stale:
        os.remove(os.path.join(HERE, "data", name))
    size = sum(len(text) for path, text in made.items() if path.endswith(".gz"))
    print("%d services, %d KiB compressed" % (len(made) - 3, size // 1024))


if __name__ == "__main__":
    main()
