"""The services that Stepwell leaves to others, on one port: Lambda functions run right here, queues, topics, tables
and buses by moto, and Step Functions' own requests are handed on to Stepwell.

    python3 emulator.py PORT STEPWELL_URL
"""

import base64
import io
import json
import os
import re
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
import uuid
import zipfile

os.environ.setdefault("MOTO_ACCOUNT_ID", "000000000000")

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import run_simple  # noqa: E402
from werkzeug.wrappers import Request, Response  # noqa: E402

FUNCTIONS = {}
SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


class Function:
    """A Lambda function: its handler, called in this process."""

    def __init__(self, settings, account, region):
        self.arn = f"arn:aws:lambda:{region}:{account}:function:{settings['FunctionName']}"
        self.settings = settings
        module, _, self.handler = settings["Handler"].rpartition(".")
        code = zipfile.ZipFile(io.BytesIO(base64.b64decode(settings["Code"]["ZipFile"])))
        self.file = f"/var/task/{module}.py"
        self.source = code.read(f"{module}.py").decode()

    def describe(self):
        kept = {name: value for name, value in self.settings.items() if name not in ("Code", "Tags", "Publish")}
        return {**kept, "FunctionArn": self.arn, "Version": "$LATEST", "State": "Active", "PackageType": "Zip"}

    def invoke(self, payload):
        """The answer's bytes, and whether they tell of an error."""
        try:
            scope = {"__name__": "handler"}
            exec(compile(self.source, self.file, "exec"), scope)
            result = scope[self.handler](json.loads(payload or b"{}"), None)
            return (result if isinstance(result, bytes) else json.dumps(result).encode()), False
        except Exception as error:  # noqa: BLE001 - whatever the function raises is its answer
            # Functions run at the same time and their files have the same name: each knows its own lines.
            lines = self.source.splitlines()
            frames = [
                traceback.FrameSummary(self.file, number, frame.f_code.co_name, line=lines[number - 1])
                for frame, number in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == self.file
            ]
            told = {
                "errorMessage": str(error), "errorType": type(error).__name__, "requestId": str(uuid.uuid4()),
                "stackTrace": traceback.format_list(frames),
            }
            return json.dumps(told).encode(), True


def refused(status, code, message):
    return Response(
        json.dumps({"Type": "User", "Message": message}), status,
        {"x-amzn-ErrorType": code, "x-amzn-RequestId": str(uuid.uuid4())}, content_type="application/json",
    )


def functions(request, account, region):
    path = urllib.request.unquote(request.path).removeprefix("/2015-03-31/functions").strip("/")
    if not path:
        function = Function(json.loads(request.get_data()), account, region)
        FUNCTIONS[function.settings["FunctionName"]] = function
        return Response(json.dumps(function.describe()), 201, content_type="application/json")
    name, _, action = path.partition("/")
    function = FUNCTIONS.get(name.rpartition(":")[2] if name.startswith("arn:") else name)
    if function is None:
        arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
        return refused(404, "ResourceNotFoundException", f"Function not found: {arn}")
    if action != "invocations":
        answer = {"Configuration": function.describe(), "Code": {}, "Tags": {}}
        return Response(json.dumps(answer), 200, content_type="application/json")
    if request.headers.get("X-Amz-Invocation-Type") == "Event":
        threading.Thread(target=function.invoke, args=(request.get_data(),), daemon=True).start()
        return Response(b"", 202)
    body, failed = function.invoke(request.get_data())
    headers = {"X-Amz-Executed-Version": "$LATEST", "x-amzn-RequestId": str(uuid.uuid4())}
    if failed:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if request.headers.get("X-Amz-Log-Type") == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(b"END").decode()
    return Response(body, 200, headers, content_type="application/json")


def forwarded(request, to):
    """A request as it came, sent on; and its answer."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in ("connection",)}
    sent = urllib.request.Request(
        to + request.full_path.rstrip("?"), request.get_data() or None, headers, method=request.method,
    )
    try:
        answer = urllib.request.urlopen(sent, timeout=120)
    except urllib.error.HTTPError as error:
        answer = error
    kept = [(name, value) for name, value in answer.headers.items()
            if name.lower() not in ("connection", "transfer-encoding", "content-length")]
    return Response(answer.read(), answer.status, kept)


def application(stepwell):
    moto = DomainDispatcherApplication(create_backend_app)

    def serve(environ, start_response):
        request = Request(environ)
        scope = SCOPE.search(request.headers.get("Authorization", ""))
        region, service = scope.group("region", "service") if scope else ("us-east-1", "")
        if service == "lambda":
            return functions(request, os.environ["MOTO_ACCOUNT_ID"], region)(environ, start_response)
        if service in ("states", "s3", "logs", "iam", "sts"):
            return forwarded(request, stepwell)(environ, start_response)
        return moto(environ, start_response)

    return serve


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    time.tzset()
    run_simple("127.0.0.1", int(sys.argv[1]), application(sys.argv[2]), threaded=True)
