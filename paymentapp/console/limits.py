"""Limits: the rules, what is used of each, what is left, and when it resets."""

from __future__ import annotations

from flask import Response

from paymentapp.api.blueprint import actor, services
from paymentapp.console.blueprint import blp, requires
from paymentapp.console.forms import asked, form_page, loaded
from paymentapp.models.actors import PAYMENTS_READ
from paymentapp.models.currencies import money_text
from paymentapp.models.limits import LimitRule, LimitScope, LimitWindow
from paymentapp.schemas.limits import LimitsQuerySchema

_PER = {
    LimitWindow.DAY: "a day",
    LimitWindow.MONTH: "a month",
    LimitWindow.ROLLING: "in any 24 hours",
}
_EACH = {LimitScope.CLIENT: "Each client", LimitScope.CUSTOMER: "Each customer"}


@blp.get("/limits")
@requires(PAYMENTS_READ)
def limits() -> Response:
    """Show the limits, with the use of one client and, where it is asked for, of one customer."""
    here = services()
    given = asked("client", "customer_id")
    sent = loaded(LimitsQuerySchema(), given)
    whose = sent.value or {}
    client = whose.get("client", actor().name)
    customer_id = whose.get("customer_id")
    return form_page(
        "limits",
        sent.problems,
        uses=here.limit_use.show(client, customer_id),
        given=given,
        client=client,
        customer_id=customer_id,
        duplicate_hours=here.settings.duplicate_hours,
    )


@blp.app_template_filter("console_limit")
def limit_words(rule: LimitRule) -> str:
    """Return a rule in words."""
    most = money_text(rule.limit)
    if rule.scope is LimitScope.PAYMENT:
        return f"One payment: at most {most}"
    whose = _EACH.get(rule.scope, "Everybody together")
    if rule.value:
        whose = f"{rule.scope.value.capitalize()} {rule.value}"
    per = _PER[rule.window] if rule.window else ""
    return f"{whose}: at most {most} {per}".rstrip()
