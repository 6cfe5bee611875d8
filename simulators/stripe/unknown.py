"""Answers to paths under ``/stripe/v1`` that are not endpoints, in Stripe's words."""

from __future__ import annotations

from flask import Response, request

from simulators.stripe.api import new_blueprint
from simulators.stripe.errors import StripeError

blueprint = new_blueprint("unknown")


@blueprint.route("/", defaults={"rest": ""}, methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
@blueprint.route("/<path:rest>", methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
def unknown(rest: str) -> Response:
    """Answer 404."""
    message = (
        f"Unrecognized request URL ({request.method}: /v1/{rest}). If you are trying to list "
        "objects, remove the trailing slash. If you are trying to retrieve an object, make sure "
        "you passed a valid (non-empty) identifier in your code. Please see "
        "https://stripe.com/docs or we can help at https://support.stripe.com/."
    )
    raise StripeError(404, message)
