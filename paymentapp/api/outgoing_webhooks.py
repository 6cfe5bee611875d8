"""The `webhooks` of the OpenAPI document: what this service posts to webhook endpoints."""

from __future__ import annotations

from typing import Any

from paymentapp.api import examples


def _header(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


DOCUMENT: dict[str, Any] = {
    "event": {
        "post": {
            "operationId": "post_event",
            "summary": "Receive an event.",
            "description": "Posted to each webhook endpoint that wants its type, by the Standard "
            "Webhooks specification (https://www.standardwebhooks.com): at least once, in any "
            "order. Verify the signature over the body as it arrived, store the event under its "
            "id, and answer.",
            "tags": ["webhook endpoints"],
            "security": [],
            "parameters": [
                _header("webhook-id", "The id of the event, the same in each attempt."),
                _header("webhook-timestamp", "The time of the signature, in seconds since 1970."),
                _header(
                    "webhook-signature",
                    "`v1,…`; several, separated by blanks, for a day "
                    "after the secret was replaced.",
                ),
            ],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/Event"},
                        "examples": {
                            each["type"]: {"value": each}
                            for each in (
                                examples.EVENT,
                                examples.BATCH_EVENT,
                                examples.OUTAGE_EVENT,
                            )
                        },
                    }
                },
            },
            "responses": {
                "2XX": {"description": "Received: it is not sent again"},
                "410": {"description": "Gone: the endpoint is disabled"},
                "default": {"description": "Failed: it is sent again, for about three days"},
            },
        }
    }
}
