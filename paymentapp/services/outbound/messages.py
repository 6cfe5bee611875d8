"""Webhook messages: the body of an event, and its signature by Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import datetime

from paymentapp.services.events import ShownEvent

SECRET_BYTES = 32  # the specification asks for 24 to 64
SECRET_PREFIX = "whsec_"  # noqa: S105  # what secrets begin with; none itself


def new_secret() -> str:
    """Return a new signing secret, in the form of the specification."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def body_of(event: ShownEvent) -> str:
    """Return the body of an event: what `GET /v1/api/events/{event_id}` answers.

    The schemas are imported here: a process that dispatches without endpoints never needs them.
    """
    import simplejson

    from paymentapp.schemas.common import made
    from paymentapp.schemas.events import EventSchema

    shown = made(EventSchema).dump(event)
    return simplejson.dumps(shown, use_decimal=True, separators=(",", ":"))


def signed_headers(
    event_id: str, now: datetime, body: str, secrets: Sequence[str]
) -> dict[str, str]:
    """Return the headers of an attempt, with one signature for each secret."""
    from standardwebhooks import Webhook

    signatures = [Webhook(secret).sign(event_id, now, body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
