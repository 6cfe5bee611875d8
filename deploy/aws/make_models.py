"""Generate API Gateway's request models and its error responses from the service.

    python -m deploy.aws.make_models [--check]

Terraform reads the files. The gateway must never refuse what the service accepts, so a model holds
only what all validators understand alike and what AWS documents as supported; the service checks
the rest.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import simplejson

from paymentapp import create_app
from paymentapp.api import problems
from paymentapp.api.problems import ProblemType
from paymentapp.bootstrap import build_services
from paymentapp.config import Settings

HERE = Path(__file__).parent
MODELS = {
    "ApprovalNote": "approval of a payment",
    "CustomerPatch": "changes of a customer's record",
    "NewCustomer": "customer to register",
    "NewHold": "hold to be placed",
    "NewWebhookEndpoint": "webhook endpoint to be registered",
    "PaymentOrder": "payment request",
    "Reason": "reason to hold or reject a payment",
    "RetryOrder": "request to retry a payment",
    "WebhookEndpointPatch": "changes of a webhook endpoint",
}
DRAFT_04 = "http://json-schema.org/draft-04/schema#"

# Left out, as "not supported in Models" of docs.aws.amazon.com/apigateway/latest/developerguide/
# api-gateway-known-issues.html: additionalProperties, exclusiveMinimum. Left out with them is
# patternProperties, which has no use without them. And `format`: validators disagree on what an
# e-mail address is (README.md names two that refuse valid ones); `pattern` states the same rule.
_KEPT = ("type", "required", "maxProperties", "minimum", "maximum", "pattern", "enum")

_QUOTA = problems.TOO_MANY._replace(detail="The monthly quota of the usage plan is used up.")
_GATEWAY_KEY = problems.FORBIDDEN._replace(detail="X-API-Key must hold a valid gateway key.")
_IDENTITY = problems.UNAUTHORIZED._replace(detail="The identity token is missing or invalid.")
_NO_TIME = problems.UNAVAILABLE._replace(title="The answer took too long")

# docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html, all
# of them. The gateway reports an unknown path or method as a missing authentication token.
GATEWAY_RESPONSES: dict[str, ProblemType] = {
    "DEFAULT_4XX": problems.INVALID,
    "BAD_REQUEST_BODY": problems.INVALID,
    "BAD_REQUEST_PARAMETERS": problems.INVALID,
    "UNAUTHORIZED": _IDENTITY,
    "EXPIRED_TOKEN": _IDENTITY,
    "INVALID_SIGNATURE": _IDENTITY,
    "ACCESS_DENIED": problems.FORBIDDEN,
    "WAF_FILTERED": problems.FORBIDDEN,
    "INVALID_API_KEY": _GATEWAY_KEY,
    "MISSING_AUTHENTICATION_TOKEN": problems.NOT_FOUND,
    "RESOURCE_NOT_FOUND": problems.NOT_FOUND,
    "REQUEST_TOO_LARGE": problems.TOO_LARGE,
    "UNSUPPORTED_MEDIA_TYPE": problems.MEDIA,
    "THROTTLED": problems.TOO_MANY,
    "QUOTA_EXCEEDED": _QUOTA,
    "DEFAULT_5XX": problems.INTERNAL,
    "API_CONFIGURATION_ERROR": problems.INTERNAL,
    "AUTHORIZER_CONFIGURATION_ERROR": problems.INTERNAL,
    "AUTHORIZER_FAILURE": problems.INTERNAL,
    "INTEGRATION_FAILURE": problems.UNAVAILABLE,
    "INTEGRATION_TIMEOUT": _NO_TIME,
}
_HEADERS = {
    "Content-Type": problems.MEDIA_TYPE,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
# The gateway replaces it by its id of the request, which its access log has too.
_REQUEST_ID = "$context.requestId"
_RETRY_AFTER = {429: "2", 503: "2"}


def gateway_models() -> dict[str, Any]:
    """Return the request models by name, as JSON Schema draft-04."""
    services = build_services(Settings(store="sqlite:///:memory:"), providers={})
    document = create_app(services).test_client().get("/openapi.json").get_data(as_text=True)
    schemas = json.loads(document)["components"]["schemas"]
    return {
        name: {"$schema": DRAFT_04, "title": name, "description": what, **_draft_04(schemas[name])}
        for name, what in MODELS.items()
    }


def gateway_problems() -> dict[str, Any]:
    """Return the gateway's own error responses by AWS's name of the response type."""
    return {name: _response(kind) for name, kind in GATEWAY_RESPONSES.items()}


def _draft_04(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that means the same in draft-04 and at the gateway."""
    kept = {name: schema[name] for name in _KEPT if name in schema}
    if "exclusiveMinimum" in schema:  # a number here, a flag in draft-04
        kept["minimum"] = schema["exclusiveMinimum"]
    if "maxLength" in schema:
        # Some validators count UTF-16 code units, of which a character may have two.
        kept["maxLength"] = 2 * schema["maxLength"]
    if "properties" in schema:
        kept["properties"] = {
            name: _draft_04(inner) for name, inner in schema["properties"].items()
        }
    return kept


def _response(kind: ProblemType) -> dict[str, Any]:
    headers = dict(_HEADERS)
    if kind.status in _RETRY_AFTER:
        headers["Retry-After"] = _RETRY_AFTER[kind.status]
    body = {**problems.example(kind), "request_id": _REQUEST_ID}
    return {"status": kind.status, "headers": headers, "body": body}


def files() -> dict[Path, str]:
    """Return the content of each generated file."""
    made = {"models.json": gateway_models(), "problems.json": gateway_problems()}
    return {
        HERE / name: simplejson.dumps(content, indent=2, ensure_ascii=True) + "\n"
        for name, content in made.items()
    }


def stale() -> list[Path]:
    """Return the files that are missing or out of date."""
    return [path for path, text in files().items() if not path.exists() or path.read_text() != text]


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them with --check. Return the exit status."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a file is stale"
    )
    if parser.parse_args(arguments).check:
        for path in stale():
            sys.stderr.write(f"{path.relative_to(Path.cwd())} is stale: run `make models`\n")
        return 1 if stale() else 0
    for path, text in files().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
