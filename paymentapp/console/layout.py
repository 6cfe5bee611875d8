"""What each page has: navigation, who is signed in, the security policy, words for values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from flask import Blueprint, Response, current_app, g

from paymentapp._version import __version__
from paymentapp.api.blueprint import services
from paymentapp.clock import to_text
from paymentapp.models.actors import CUSTOMERS_READ, REPORTS, WEBHOOKS, Actor
from paymentapp.models.currencies import money_text
from paymentapp.models.money import Money

READ = "payments:read"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Entry(NamedTuple):
    """An entry of the navigation: the view's endpoint in the blueprint, and who may see it."""

    title: str
    endpoint: str
    scopes: tuple[str, ...]


# In the order in which they are shown. The endpoints of a page's other views begin with its name.
NAVIGATION = (
    Entry("Today", "today", (READ,)),
    Entry("Payments", "payments", (READ,)),
    Entry("Approvals", "approvals", (READ,)),
    Entry("Bulk", "bulk", (READ,)),
    Entry("Customers", "customers", (CUSTOMERS_READ,)),
    Entry("Batches", "batches", (READ,)),
    Entry("Bank news", "inbox", (READ,)),
    Entry("Webhooks", "webhooks", (WEBHOOKS,)),
    Entry("Holds", "holds", (READ,)),
    Entry("Limits", "limits", (READ,)),
    Entry("Reports", "reports", (REPORTS,)),
)


def register_layout(blp: Blueprint) -> None:
    """Give templates what each page shows, and answers their headers."""
    blp.context_processor(_context)
    for name, function in FILTERS.items():
        blp.add_app_template_filter(function, f"console_{name}")

    @blp.after_request
    def set_policy(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "same-origin"
        return response


def _context() -> dict[str, Any]:
    actor: Actor | None = g.get("actor")
    session = g.get("console_session")
    return {
        "version": __version__,
        "actor": actor,
        "csrf_token": session.csrf_token if session else "",
        "navigation": [
            each
            for each in NAVIGATION
            if actor and any(map(actor.may, each.scopes)) and _is_there(each)
        ],
        "may": actor.may if actor else lambda _scope: False,
        "authenticated": services().settings.auth,
    }


def _is_there(entry: Entry) -> bool:
    return f"console.{entry.endpoint}" in current_app.view_functions


def moment(value: datetime | None) -> str:
    """Return a time to the minute, in UTC; pages name the zone once."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if value else "-"


def words(value: object) -> str:
    """Return the words of a status or a reason: `awaiting_approval` is awaiting approval."""
    return str(getattr(value, "value", value)).replace("_", " ")


def total(value: tuple[Decimal, str]) -> str:
    """Return a sum in a currency."""
    return money_text(Money(*value))


FILTERS: dict[str, Callable[..., Any]] = {
    "money": money_text,
    "total": total,
    "moment": moment,
    "iso": to_text,
    "words": words,
}
