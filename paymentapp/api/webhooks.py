"""Provider webhooks over HTTP, authenticated by their signatures instead of an API key."""

from __future__ import annotations

from flask import request

from paymentapp.api.blueprint import Blueprint, public, raw_body, services
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
@blp.documents(400, 404, 413, 503, security=[])
def receive_webhook(provider: str) -> dict[str, str]:
    """Receive an event that a provider has signed."""
    headers = {name.lower(): value for name, value in request.headers}
    services().webhooks.receive(provider, headers, raw_body(request))
    return {"status": "received"}
