"""What is asked of the server, signed as the client at hand signs."""

import json
from urllib.parse import urlsplit


class NoPicture(Exception):
    """The server draws none: it is AWS's own, is not there, or refused."""


def endpoint(client):
    """The address of the Stepwell server that a boto3 client speaks to; None if it speaks to AWS."""
    address = client.meta.endpoint_url
    host = urlsplit(address).hostname or ""
    aws = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
    return None if host.endswith(aws) else address.rstrip("/")


def draw(client, **asked):
    """The picture as text, in the form that `format` says."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    address = endpoint(client)
    if address is None:
        raise NoPicture("AWS draws no pictures")
    request = AWSRequest(
        "POST", f"{address}/_stepwell/graph", data=json.dumps(asked).encode(),
        headers={"Content-Type": "application/json"},
    )
    # The client's own credentials and connections: a role, a proxy, certificates count here too.
    credentials = client._request_signer._credentials
    if credentials is not None:
        SigV4Auth(credentials, "states", client.meta.region_name).add_auth(request)
    try:
        answer = client._endpoint.http_session.send(request.prepare())
    except Exception as error:
        raise NoPicture(str(error)) from error
    if answer.status_code != 200:
        try:
            message = json.loads(answer.content)["message"]
        except (ValueError, KeyError, TypeError):
            message = f"{address} answered {answer.status_code}; is it a Stepwell server?"
        raise NoPicture(message)
    return answer.content.decode()
