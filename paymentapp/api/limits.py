"""Limits over HTTP: what may still be requested."""

from __future__ import annotations

from typing import Any

from paymentapp.api import error_examples, examples
from paymentapp.api.blueprint import Blueprint, actor, services
from paymentapp.models.actors import PAYMENTS_READ
from paymentapp.schemas.limits import LimitsQuerySchema, LimitsSchema
from paymentapp.services.limit_use import RuleUse

blp = Blueprint("limits", __name__, description="Limits: what may still be requested.")


@blp.route("/v1/api/limits")
@blp.requires(PAYMENTS_READ)
@blp.arguments(LimitsQuerySchema(), location="query")
@blp.response(200, LimitsSchema, description="The limits", example=examples.LIMITS)
@blp.documents(*error_examples.SHOW_LIMITS)
def show_limits(query: dict[str, Any]) -> dict[str, list[RuleUse]]:
    """Show the limits and their use.

    A rule for each client shows the use of one client, a rule for each customer that of one
    customer.
    """
    client = query.get("client", actor().name)
    return {"limits": services().limit_use.show(client, query.get("customer_id"))}
