"""The Step Functions Data Science SDK, with pictures from the server in place of its own."""

import functools
import importlib.util
import sys
import warnings

from . import server
from .picture import ExecutionPicture, Picture

#: What was replaced: (owner, name, original).
_replaced = []

AWS_CONSOLE = "https://console.aws.amazon.com/"


def enable():
    """Has `render_graph()` and `render_progress()` show the server's pictures, and the SDK's links lead
    to its console. Calls of workflows at AWS stay as they are."""
    if _replaced:
        return
    if importlib.util.find_spec("stepfunctions") is None:
        warnings.warn("the stepfunctions SDK is not installed: there is nothing to show pictures of", stacklevel=2)
        return
    from stepfunctions.workflow import stepfunctions as sdk
    from stepfunctions.workflow.widgets import utils

    _replace(sdk.Workflow, "render_graph", _render_graph)
    _replace(sdk.Execution, "render_progress", _render_progress)
    for name in ("create_sfn_workflow_url", "create_sfn_execution_url", "sagemaker_console_link"):
        original = getattr(utils, name)
        # The SDK's modules hold these functions by name, each for itself.
        for module in _modules_with(name, original):
            _replace(module, name, _to_console)


def disable():
    """Puts the SDK's own back."""
    while _replaced:
        owner, name, original = _replaced.pop()
        setattr(owner, name, original)


def _replace(owner, name, by):
    original = getattr(owner, name)
    partial = functools.partialmethod if isinstance(owner, type) else functools.partial
    _replaced.append((owner, name, original))
    setattr(owner, name, functools.update_wrapper(partial(by, original=original), original))


def _modules_with(name, function):
    modules = [module for path, module in list(sys.modules.items()) if path.startswith("stepfunctions.")]
    return [module for module in modules if getattr(module, name, None) is function]


def _render_graph(workflow, portrait=False, *, original):
    asked = {"definition": workflow.definition.to_json()}
    arn = workflow.state_machine_arn
    link = arn and _console(workflow.client, f"statemachines/view/{arn}")
    picture = Picture(workflow.client, asked, link)
    return picture if _draws(picture) else original(workflow, portrait=portrait)


def _render_progress(execution, portrait=False, max_events=25000, *, original):
    arn = execution.execution_arn
    picture = ExecutionPicture(execution.client, arn, _console(execution.client, f"executions/details/{arn}"))
    return picture if _draws(picture) else original(execution, portrait=portrait, max_events=max_events)


def _draws(picture):
    """Whether there is somebody who draws it; says why not, unless it is AWS, which never does."""
    if server.endpoint(picture._client) is None:
        return False
    try:
        picture.svg()
    except server.NoPicture as reason:
        warnings.warn(f"the SDK's own picture is shown, which needs the internet: {reason}", stacklevel=4)
        return False
    return True


def _console(client, place):
    address = server.endpoint(client)
    return address and f"{address}/states/home?region={client.meta.region_name}#/{place}"


def _to_console(*what, original):
    """A link of the SDK's, to the console of the server that the environment names."""
    import boto3

    url = original(*what)
    region = boto3.session.Session().region_name or "us-east-1"
    address = server.endpoint(boto3.client("stepfunctions", region_name=region))
    if address is None or not url.startswith(AWS_CONSOLE):
        return url
    return f"{address}/{url[len(AWS_CONSOLE):]}"
