"""Provider webhooks over HTTP, authenticated by their signatures instead of an API key."""

from __future__ import annotations

from flask import request

from paymentapp.api import error_examples
from paymentapp.api.blueprint import Blueprint, public, services
from paymentapp.api.bodies import raw_body
from paymentapp.api.webhook_slots import bounded
from paymentapp.schemas.webhooks import ReceivedSchema

blp = Blueprint("webhooks", __name__, description="Provider webhooks; not for API clients.")


@blp.route("/webhooks/<provider>", methods=["POST"])
@public
@blp.response(
    200,
    ReceivedSchema,
    description="Stored, by this delivery or an earlier one",
    example={"status": "received"},
)
@blp.documents(*error_examples.RECEIVE_WEBHOOK, security=[])
@bounded
def receive_webhook(provider: str) -> dict[str, str]:
    """Receive an event that a provider has signed.

    It is stored before it is answered, and applied afterwards.
    """
    receiver = services().webhooks
    receiver.webhooks_of(provider)  # before the body is read: anybody may send one
    headers = {name.lower(): value for name, value in request.headers}
    receiver.receive(provider, headers, raw_body(request))
    return {"status": "received"}
