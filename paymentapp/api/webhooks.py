"""Providers' webhooks over HTTP. They have no API key: each delivery is signed instead."""

from __future__ import annotations

from flask import request

from paymentapp.api.blueprint import Blueprint, raw_body, services
from paymentapp.schemas.webhooks import ReceivedSchema

blp = Blueprint("webhooks", __name__, description="What payment providers tell; not for callers.")


@blp.route("/webhooks/<provider>", methods=["POST"])
@blp.response(
    200, ReceivedSchema, description="On record, now or before", example={"status": "received"}
)
@blp.documents(400, 404, 413, 503, security=[])
def receive_webhook(provider: str) -> dict[str, str]:
    """Take in a provider's event, signed and as it is."""
    headers = {name.lower(): value for name, value in request.headers}
    services().webhooks.receive(provider, headers, raw_body(request))
    return {"status": "received"}
