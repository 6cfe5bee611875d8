"""Parts of the page for Stripe, OpenACH and the bank: sums, and the newest payments."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from simulators.bank.overview import read_overview
from simulators.openach.core import running_openach
from simulators.stripe.books import MoveTotal
from simulators.stripe.core import running_stripe
from simulators.stripe.currencies import decimal_text
from simulators.stripe.records import StripeMove

_NEWEST = 10
_TONES = {"made": "good", "paid": "good", "pending": "quiet", "in_transit": "quiet"}
_BACK = "back"
_REMAINING = {"1": "waits for a nightly run", "-1": "entered", "0": "inert"}


def stripe_side() -> dict[str, Any]:
    """Return Stripe's sums by currency and its newest transfers and payouts."""
    with running_stripe().books() as books:
        totals, moves = books.totals(), books.newest(_NEWEST)
    return {"totals": _stripe_totals(totals), "rows": [_move(each) for each in moves]}


def _stripe_totals(totals: list[MoveTotal]) -> list[dict[str, Any]]:
    """Sum what transfers have left at the accounts: a payout moves the same money on."""
    shown = []
    for currency in dict.fromkeys(each.currency for each in totals):
        here = [each for each in totals if each.currency == currency]
        statuses = [
            {
                "status": f"{each.kind} {each.status}",
                "tone": _stripe_tone(each.status),
                "count": each.moves,
                "value": decimal_text(currency, each.amount),
            }
            for each in here
        ]
        kept = decimal_text(currency, sum(each.kept for each in here))
        shown.append({"currency": currency, "value": kept, "statuses": statuses})
    return shown


def _move(move: StripeMove) -> dict[str, Any]:
    reversed_in_part = "reversed" if move.amount_reversed == move.amount else "partly_reversed"
    status = reversed_in_part if move.amount_reversed else move.status
    return {
        "who": move.destination if move.kind == "transfer" else move.account,
        "note": move.description or "",
        "value": decimal_text(move.currency, move.amount),
        "currency": move.currency,
        "status": f"{move.kind} {status}",
        "tone": _stripe_tone(status),
        "id": move.id,
        "at": move.created_at,
    }


def _stripe_tone(status: str) -> str:
    return _TONES.get(status, _BACK if "reversed" in status else "bad")


def openach_side() -> dict[str, Any]:
    """Return what nightly runs have made of schedules, and the newest schedules."""
    with running_openach().books() as books:
        totals, newest = books.entry_totals(), books.newest(_NEWEST)
    statuses = [
        {
            "status": _entry_words(filed, code),
            "tone": _entry_tone(filed, code),
            "count": entries,
            "value": f"{dollars:.2f}",
        }
        for filed, code, entries, dollars in totals
    ]
    paid = sum(dollars for filed, code, _, dollars in totals if filed and not code)
    total = {"currency": "USD", "value": f"{paid:.2f}", "statuses": statuses}
    return {"totals": [total] if statuses else [], "rows": [_schedule(each) for each in newest]}


def _entry_words(filed: bool, code: str | None) -> str:
    if not filed:
        return "entered, never filed"
    return f"returned {code}" if code else "filed"


def _entry_tone(filed: bool, code: str | None) -> str:
    return "good" if filed and not code else "bad" if not filed else _BACK


def _schedule(record: dict[str, Any]) -> dict[str, Any]:
    remaining = str(record["payment_schedule_remaining_occurrences"] or 0)
    number = str(record.get("external_account_number", ""))
    return {
        "who": record.get("external_account_holder") or "nobody: the profile is deleted",
        "note": f"account …{number[-4:]}",
        "value": record["payment_schedule_amount"],
        "status": _REMAINING.get(remaining, remaining),
        "tone": "good" if remaining == "-1" else "quiet",
        "id": record.get("payment_profile_external_id", ""),
        "date": record["payment_schedule_next_date"],
    }


def bank_side(books: str | None) -> dict[str, Any] | None:
    """Return the bank's sums and its newest credits; None where the simulators know no bank."""
    if books is None:
        return None
    overview = read_overview(Path(books), _NEWEST)
    statuses = [
        {
            "status": each.status,
            "tone": _bank_tone(each.status),
            "count": each.credits,
            "value": _dollars(each.cents),
        }
        for each in overview.totals
    ]
    paid = sum(each.cents for each in overview.totals if each.status == "paid")
    total = {"currency": "USD", "value": _dollars(paid), "statuses": statuses}
    rows = [
        {
            "who": each.name,
            "note": f"account {each.account}",
            "value": _dollars(each.cents),
            "currency": "USD",
            "status": each.status,
            "tone": _bank_tone(each.status),
            "id": each.trace,
            "at": each.at,
        }
        for each in overview.newest
    ]
    return {"totals": [total] if statuses else [], "rows": rows}


def _bank_tone(status: str) -> str:
    return "good" if status == "paid" else _BACK


def _dollars(cents: int) -> str:
    return format(Decimal(cents).scaleb(-2), "f")
