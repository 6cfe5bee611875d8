"""What each page has: navigation, who is signed in, the security policy, words for values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from flask import Blueprint, Response, g, url_for

from paymentapp._version import __version__
from paymentapp.api.blueprint import services
from paymentapp.clock import to_text
from paymentapp.models.actors import CUSTOMERS_READ, HOLD, PAYMENTS_READ, REPORTS, WEBHOOKS, Actor
from paymentapp.models.currencies import money_text
from paymentapp.models.money import Money

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class PageEntry(NamedTuple):
    """An entry of the navigation: the view's endpoint in the blueprint, and who may see it."""

    title: str
    endpoint: str
    scopes: tuple[str, ...]


# In the order in which they are shown. The endpoints of a page's other views begin with its name.
NAVIGATION = (
    PageEntry("Today", "today", (PAYMENTS_READ,)),
    PageEntry("Payments", "payments", (PAYMENTS_READ,)),
    PageEntry("Approvals", "approvals", (PAYMENTS_READ,)),
    PageEntry("Bulk", "bulk", (PAYMENTS_READ,)),
    PageEntry("Customers", "customers", (CUSTOMERS_READ,)),
    PageEntry("Batches", "batches", (PAYMENTS_READ,)),
    PageEntry("Bank news", "inbox", (PAYMENTS_READ,)),
    PageEntry("Webhooks", "webhooks", (WEBHOOKS,)),
    PageEntry("Holds", "holds", (HOLD,)),
    PageEntry("Limits", "limits", (PAYMENTS_READ,)),
    PageEntry("Reports", "reports", (REPORTS,)),
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
        response.headers["X-Frame-Options"] = "DENY"  # for browsers without frame-ancestors
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


def _context() -> dict[str, Any]:
    actor: Actor | None = g.get("actor")
    session = g.get("console_session")
    home = first_page(actor) if actor else url_for("console.today")
    return {
        "version": __version__,
        "actor": actor,
        "home": home,
        "csrf_token": session.csrf_token if session else "",
        "navigation": entries(actor) if actor else [],
        "may": actor.may if actor else lambda _scope: False,
        "authenticated": services().settings.auth,
    }


def entries(actor: Actor) -> list[PageEntry]:
    """Return the entries of the navigation that somebody may see."""
    return [each for each in NAVIGATION if any(map(actor.may, each.scopes))]


def first_page(actor: Actor) -> str:
    """Return the URL of the first page that somebody may see; today's says what is missing."""
    own = entries(actor)
    return url_for(f"console.{own[0].endpoint if own else 'today'}")


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
