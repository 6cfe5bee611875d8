"""Events of the API's function: which are requests, and answers to those that are none.

The two formats of a request: https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html
(REST APIs, 1.0) and https://docs.aws.amazon.com/apigateway/latest/developerguide/
http-api-develop-integrations-lambda.html (HTTP APIs and function URLs, 2.0).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paymentapp.api import problems
from paymentapp.api.security_log import GATEWAY_REQUEST_ID, REQUEST_ID, identify_request
from paymentapp.aws_lambda.api_gateway import gateway_request_id

# What any request of an API has, whether it is well-formed or not.
_REQUEST_MEMBERS = frozenset({"httpMethod", "requestContext", "rawPath", "path"})


def _text(characters: str = r"[^\ud800-\udfff]", **options: Any) -> fields.String:
    """Return a field of text that can be encoded: without half of a surrogate pair."""
    return fields.String(validate=validate.Regexp(rf"{characters}*\Z"), **options)


def _latin_text(**options: Any) -> fields.String:
    """Return a field of text that a WSGI string can hold (PEP 3333): ISO 8859-1."""
    return _text(r"[\x00-\xff]", **options)


def _texts(**options: Any) -> fields.Dict:
    return fields.Dict(_text(), _text(), **options)


def _object(members: Mapping[str, fields.Field[Any]], required: bool = False) -> fields.Nested:
    """Return a field of an object that may have other members too, or be null if not required."""
    schema = Schema.from_dict(dict(members), name="EventMember")
    return fields.Nested(schema(unknown=INCLUDE), required=required, allow_none=not required)


def _schema(members: Mapping[str, fields.Field[Any]]) -> Schema:
    """Return the schema of an event: its own members, and those of both formats."""
    both: dict[str, fields.Field[Any]] = {
        "pathParameters": _texts(allow_none=True),
        "body": _text(allow_none=True),
        "isBase64Encoded": fields.Boolean(allow_none=True),
    }
    return Schema.from_dict({**both, **members}, name="Event")(unknown=INCLUDE)


def _stage() -> dict[str, fields.Field[Any]]:
    return {"path": _text(allow_none=True), "stage": _text(allow_none=True)}


# Schemas are built at their first use: a cold start that meets no malformed event needs none.


@cache
def _rest_event() -> Schema:
    source: dict[str, fields.Field[Any]] = {"sourceIp": _latin_text(allow_none=True)}
    return _schema(
        {
            "version": fields.String(validate=validate.Equal("1.0")),
            "httpMethod": _latin_text(required=True),
            "path": _text(required=True),
            "resource": _text(allow_none=True),
            "headers": fields.Dict(_latin_text(), _latin_text(), allow_none=True),
            "multiValueHeaders": fields.Dict(
                _latin_text(), fields.List(_latin_text()), allow_none=True
            ),
            "queryStringParameters": _texts(allow_none=True),
            "multiValueQueryStringParameters": fields.Dict(
                _text(), fields.List(_text()), allow_none=True
            ),
            "requestContext": _object(
                {**_stage(), "identity": _object(source), "http": _object(source)}
            ),
        }
    )


@cache
def _http_event() -> Schema:
    return _schema(
        {
            "rawPath": _text(required=True),
            "rawQueryString": _latin_text(required=True),
            "routeKey": _text(),
            "headers": fields.Dict(_latin_text(), _latin_text(), required=True),
            "cookies": fields.List(_latin_text()),
            "requestContext": _object(
                {
                    **_stage(),
                    "http": _object(
                        {
                            "method": _latin_text(required=True),
                            "protocol": _latin_text(required=True),
                            "sourceIp": _latin_text(required=True),
                        },
                        required=True,
                    ),
                },
                required=True,
            ),
        }
    )


def is_request(event: object) -> bool:
    """Return whether an event comes from an API, well-formed or not.

    Others are warm-ups, schedules and events that somebody sent to the wrong function.
    """
    return isinstance(event, Mapping) and not _REQUEST_MEMBERS.isdisjoint(event)


def malformed_members(event: Mapping[str, Any]) -> list[str]:
    """Return the members of a request's event that are missing or malformed, by name."""
    schema = _http_event() if event.get("version") == "2.0" else _rest_event()
    errors = sorted(schema.validate(event))
    return errors or ([] if _has_readable_body(event) else ["body"])


def _has_readable_body(event: Mapping[str, Any]) -> bool:
    try:
        if event.get("isBase64Encoded"):
            base64.b64decode(event.get("body") or "")
    except ValueError:
        return False
    return True


def summary(event: object) -> str:
    """Describe an event for the log: its source, and the names of its first members."""
    if not isinstance(event, Mapping):
        return type(event).__name__
    names = ", ".join(str(name)[:40] for name in list(event)[:8])
    return f"source {str(event.get('source'))[:80]!r}, members: {names or 'none'}"


def ignored() -> dict[str, Any]:
    """Return the answer to an event that is no request."""
    return _answer(200, "application/json", {"status": "ignored"})


def refused(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a malformed request: 400, as a problem document.

    Its id is the gateway's, where that has one: what the request brings may be what is malformed.
    """
    context = event.get("requestContext")
    given = gateway_request_id(event) if isinstance(context, Mapping) else ""
    request_id = identify_request({GATEWAY_REQUEST_ID: given})
    body = {**problems.example(problems.INVALID), "request_id": request_id}
    return _answer(400, problems.MEDIA_TYPE, body, {REQUEST_ID: request_id})


def _answer(
    status: int, content_type: str, body: Mapping[str, Any], more: Mapping[str, str] | None = None
) -> dict[str, Any]:
    headers = {"Content-Type": content_type, "Cache-Control": "no-store", **(more or {})}
    return {
        "statusCode": status,
        "headers": headers,
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def with_merged_headers(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event in which each header has one name, with all of its values.

    Names that differ in case are one header, whose lines would else replace each other. Names with
    an underscore are dropped, as gunicorn does: in WSGI they are spelt like one with a hyphen.
    """
    many = "multiValueHeaders" in event
    given = event.get("multiValueHeaders" if many else "headers") or {}
    merged: dict[str, list[str]] = {}
    for name, value in given.items():
        if "_" not in name:
            merged.setdefault(name.lower(), []).extend(value if many else [value])
    if many:
        return {**event, "multiValueHeaders": merged}
    return {**event, "headers": {name: ",".join(values) for name, values in merged.items()}}
