"""Behind API Gateway: what its proxy event says of a request beyond what WSGI knows.

The two kinds of event: https://docs.aws.amazon.com/apigateway/latest/developerguide/
set-up-lambda-proxy-integrations.html (REST, 1.0) and http-api-develop-integrations-lambda.html
(HTTP, 2.0).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from paymentapp.api.waiting import WAIT_MAX

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

WAIT_SECONDS = 25  # API Gateway gives an integration 29 seconds, a cold start among them
MARGIN_SECONDS = 3  # what an answer takes besides the waiting


class StagePath(NamedTuple):
    """Where a request goes: below which address the API is mounted, and to which path of it."""

    mount: str
    path: str


class BehindGateway:
    """Middleware below `apig_wsgi`: puts the mount, the caller's address and the time right."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        event = environ["apig_wsgi.full_event"]
        place = place_of(event)
        environ["SCRIPT_NAME"] = place.mount
        environ["PATH_INFO"] = unquote(place.path, encoding="iso-8859-1")
        # Not X-Forwarded-For, whose first address is whatever the caller says.
        environ["REMOTE_ADDR"] = _source_address(event)
        seconds_left = environ["apig_wsgi.context"].get_remaining_time_in_millis() / 1000
        environ[WAIT_MAX] = max(0, min(WAIT_SECONDS, int(seconds_left - MARGIN_SECONDS)))
        return self._app(environ, start_response)


def place_of(event: Mapping[str, Any]) -> StagePath:
    """Tell the mount, a stage or a custom domain's base path, from the path of the API.

    By the route that the gateway has matched: its last segments are the API's own.
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
    """How many segments of the path the route has, `{proxy+}` as many as it stands for."""
    depth = 0
    for segment in filter(None, route.split("/")):
        greedy = segment.startswith("{") and segment.endswith("+}")
        depth += parameters.get(segment[1:-2], "").count("/") + 1 if greedy else 1
    return depth


def _source_address(event: Mapping[str, Any]) -> str:
    context = event.get("requestContext") or {}
    part = context.get("http") or context.get("identity") or {}
    return part.get("sourceIp") or ""
