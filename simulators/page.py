"""Page for developers: payments by status and currency, recent calls, and the settings.

The large sums are of what succeeded alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request

from simulators.common.times import rfc3339
from simulators.page_sides import bank_side, openach_side, stripe_side
from simulators.paypal import outcomes
from simulators.paypal.core import running_paypal
from simulators.paypal.currencies import amount
from simulators.paypal.errors import REFUSALS
from simulators.paypal.settings import PayPalSimulatorSettings, is_secret, setting_fields, variable
from simulators.stripe import accounts

blueprint = Blueprint("page", __name__)

PAGE_SIZE = 20
RECENT_CALLS = 12

# The colour of each status on the page.
TONES: dict[str, str] = {
    "SUCCESS": "good",
    "PENDING": "quiet",
    "PROCESSING": "quiet",
    "UNCLAIMED": "warn",
    "ONHOLD": "warn",
    "FAILED": "bad",
    "BLOCKED": "bad",
    "RETURNED": "back",
    "REFUNDED": "back",
    "REVERSED": "back",
}


@dataclass(frozen=True)
class Pager:
    """The position of a page in a list."""

    number: int
    count: int
    total: int

    @property
    def offset(self) -> int:
        """Number of rows before this page."""
        return (self.number - 1) * PAGE_SIZE


@blueprint.get("/")
def show() -> str:
    """Render the page."""
    running = running_paypal()
    now, state, made = running.now(), running.state, running.calls
    pager = _pager(state.item_count())
    calls = [
        {"at": _clock_time(at), "endpoint": endpoint, "path": path, "answer": answer}
        for at, endpoint, path, answer in made.recent(RECENT_CALLS)
    ]
    return render_template(
        "simulator.html",
        address=request.host_url.rstrip("/"),
        items=state.newest(now, offset=pager.offset, limit=PAGE_SIZE),
        pager=pager,
        totals=_totals(state.totals(now)),
        stripe=stripe_side(),
        openach=openach_side(),
        bank=bank_side(running.settings.bank_books),
        calls=calls,
        call_total=sum(count for _, _, count in made.counts()),
        settings=_settings(running.settings),
        prefixes=_prefixes(),
        notes=_notes(),
        accounts=accounts.BY_PREFIX,
        tones=TONES,
        rfc3339=rfc3339,
        now=rfc3339(now).replace("T", " ").replace("Z", " UTC"),
    )


def _pager(total: int) -> Pager:
    count = max(1, -(-total // PAGE_SIZE))
    text = request.args.get("page", "1")
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    return Pager(min(max(wanted, 1), count), count, total)


def _totals(rows: list[tuple[str, str, int, int]]) -> list[dict[str, Any]]:
    """Return one row for each currency: what succeeded, and the count and sum of each status."""
    by_currency: dict[str, dict[str, Any]] = {}
    for currency, status, count, minor in rows:
        row = by_currency.setdefault(currency, {"currency": currency, "minor": 0, "statuses": []})
        row["minor"] += minor if status == "SUCCESS" else 0
        row["statuses"].append(
            {
                "status": status,
                "tone": TONES[status],
                "count": count,
                "value": amount(currency, minor)["value"],
            }
        )
    for row in by_currency.values():
        row["value"] = amount(row["currency"], row.pop("minor"))["value"]
    return list(by_currency.values())


def _settings(settings: PayPalSimulatorSettings) -> list[dict[str, Any]]:
    shown = settings.as_json()
    defaults = PayPalSimulatorSettings().as_json()
    return [
        {
            "name": each.name,
            "value": _plain(shown[each.name]),
            "help": each.metadata["help"],
            "variable": variable(each.name),
            "changed": shown[each.name] != defaults[each.name] and not is_secret(each.name),
        }
        for each in setting_fields()
    ]


def _plain(value: Any) -> str:
    if value is None or value in ({}, []):
        return "not set"
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _prefixes() -> list[dict[str, str]]:
    rows = []
    for prefix, outcome in outcomes.BY_PREFIX.items():
        then = f", later {outcome.later}" if outcome.later else ""
        rows.append(
            {
                "prefix": prefix,
                "status": outcome.status,
                "then": then + (" (30 days)" if outcome.status == "UNCLAIMED" else ""),
                "error": outcome.error or "",
            }
        )
    return rows


def _notes() -> list[dict[str, Any]]:
    return [
        {"note": note, "name": name, "status": REFUSALS[name][0]}
        for note, name in outcomes.REFUSING_NOTES.items()
    ]


def _clock_time(moment: int) -> str:
    return rfc3339(moment)[11:19]
