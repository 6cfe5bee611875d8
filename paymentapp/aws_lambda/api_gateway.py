"""API Gateway: take from its proxy events what WSGI does not know of a request.

The two event formats: https://docs.aws.amazon.com/apigateway/latest/developerguide/
set-up-lambda-proxy-integrations.html (REST, 1.0) and http-api-develop-integrations-lambda.html
(HTTP, 2.0).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from paymentapp.api.security_log import GATEWAY_REQUEST_ID
from paymentapp.api.waiting import WAIT_MAX

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

WAIT_SECONDS = 25  # API Gateway allows an integration 29 seconds, including a cold start
MARGIN_SECONDS = 3  # to answer after waiting


class StagePath(NamedTuple):
    """The prefix that the API is mounted below, and the path within the API."""

    mount: str
    path: str


class BehindGateway:
    """WSGI middleware that corrects what `apig_wsgi` sets: mount, client address, waiting time."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Correct the environ, and pass the request on."""
        event = environ["apig_wsgi.full_event"]
        stage_path = stage_path_of(event)
        environ["SCRIPT_NAME"] = _wsgi_path(stage_path.mount)
        environ["PATH_INFO"] = _wsgi_path(stage_path.path)
        # Not X-Forwarded-For: the caller controls its first address.
        environ["REMOTE_ADDR"] = _source_address(event)
        environ[GATEWAY_REQUEST_ID] = gateway_request_id(event)
        seconds_left = environ["apig_wsgi.context"].get_remaining_time_in_millis() / 1000
        environ[WAIT_MAX] = max(0, min(WAIT_SECONDS, int(seconds_left - MARGIN_SECONDS)))
        return self._app(environ, start_response)


def stage_path_of(event: Mapping[str, Any]) -> StagePath:
    """Split a path into its mount (a stage, or the base path of a domain) and the API's path.

    The matched route tells where: the API's path has as many segments as the route.
    """
    context = event.get("requestContext") or {}
    if event.get("version") == "2.0":
        path = full = event["rawPath"]
        route = event.get("routeKey", "").partition(" ")[2]
        stage = context.get("stage", "$default")
        if not route and stage != "$default" and full.startswith(f"/{stage}/"):
            path = full.removeprefix(f"/{stage}")
    else:
        path = event["path"]
        route = event.get("resource") or ""
        full = context.get("path") or path
    depth = _depth(route, event.get("pathParameters") or {})
    if 0 < depth < path.count("/"):
        path = "/" + "/".join(path.split("/")[-depth:])
    return StagePath(full.removesuffix(path) if full.endswith(path) else "", path)


def _depth(route: str, parameters: Mapping[str, str]) -> int:
    """Return how many segments of the path a route matches; `{proxy+}` may match several."""
    depth = 0
    for segment in filter(None, route.split("/")):
        greedy = segment.startswith("{") and segment.endswith("+}")
        depth += parameters.get(segment[1:-2], "").count("/") + 1 if greedy else 1
    return depth


def _wsgi_path(path: str) -> str:
    """Return a path as WSGI has it (PEP 3333): unquoted, its UTF-8 bytes as ISO 8859-1."""
    return unquote_to_bytes(path).decode("iso-8859-1")


def gateway_request_id(event: Mapping[str, Any]) -> str:
    """Return the id that API Gateway has given a request, as its access log shows it."""
    given = (event.get("requestContext") or {}).get("requestId")
    return given if isinstance(given, str) else ""


def _source_address(event: Mapping[str, Any]) -> str:
    context = event.get("requestContext") or {}
    part = context.get("http") or context.get("identity") or {}
    return part.get("sourceIp") or ""
