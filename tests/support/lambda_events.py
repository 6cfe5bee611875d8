"""Events as AWS passes them to a function: proxy events, stream records, and the context."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paymentapp.models.payments import Payment
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.dynamodb.attribute_values import to_item

RESOURCES = (
    "/v1/api/customer",
    "/v1/api/customer/{customer_id}",
    "/v1/api/payment",
    "/v1/api/payment/{customer_id}",
    "/v1/api/payment/{customer_id}/{payment_id}",
    "/v1/api/payment/{customer_id}/{payment_id}/cancel",
    "/v1/api/payment/{customer_id}/{payment_id}/retry",
)


@dataclass
class LambdaContext:
    """A Lambda context that returns the remaining time."""

    seconds_left: Callable[[], float] = lambda: 60.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds_left() * 1000)


def rest_event(
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    stage: str = "live",
    query: Mapping[str, list[str]] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Return a REST API's event, version 1.0, for a resource of our API.

    https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html
    """
    sent = {"Host": "abc.execute-api.us-east-1.amazonaws.com", "X-Forwarded-For": "192.0.2.1"}
    if body is not None:
        sent["Content-Type"] = "application/json"
    sent |= headers or {}
    resource, parameters = _matched(path)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in (query or {}).items()},
        "multiValueQueryStringParameters": dict(query) if query else None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "stage": stage,
            "path": f"/{stage}{path}",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
        **changes,
    }


def http_event(
    method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return an HTTP API's event, version 2.0, at a named stage."""
    resource, parameters = _matched(path)
    return {
        "version": "2.0",
        "routeKey": f"{method} {resource}",
        "rawPath": f"/live{path}",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **(headers or {})},
        "pathParameters": parameters,
        "requestContext": {
            "stage": "live",
            "http": {
                "method": method,
                "path": f"/live{path}",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
            },
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def stream_event(*payments: Payment, kind: str = "INSERT") -> dict[str, Any]:
    """Return a batch of the Disbursements stream: one record a payment, numbered from 1."""
    return {
        "Records": [
            stream_record(str(number), to_item(payment_record(payment)), kind)
            for number, payment in enumerate(payments, 1)
        ]
    }


def stream_record(number: str, image: Mapping[str, Any], kind: str = "INSERT") -> dict[str, Any]:
    return {
        "eventID": f"id{number}",
        "eventName": kind,
        "eventSource": "aws:dynamodb",
        "dynamodb": {"SequenceNumber": number, "NewImage": dict(image)},
    }


def _matched(path: str) -> tuple[str, dict[str, str]]:
    segments = path.split("/")
    for resource in RESOURCES:
        names = resource.split("/")
        if len(names) == len(segments) and all(
            n == s or n.startswith("{") for n, s in zip(names, segments, strict=True)
        ):
            pairs = zip(names, segments, strict=True)
            return resource, {n[1:-1]: s for n, s in pairs if n.startswith("{")}
    return "/{proxy+}", {"proxy": path.lstrip("/")}
