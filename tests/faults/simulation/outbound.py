"""Stripe's own records of recipients and outbound payments, with the idempotency of version 2.

A call that succeeded under a key is not repeated for a day; a failed one is carried out anew. Lists
lag by ten minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from paymentapp.clock import to_text
from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey
from tests.faults.simulation.clock import moment
from tests.faults.simulation.ledger import Moved
from tests.faults.simulation.scheduler import DAY, HOUR, MINUTE, SECOND
from tests.faults.simulation.transfers import FORGETS_AFTER, Request, Said, error

if TYPE_CHECKING:
    from tests.faults.simulation.world import World

LAG = 10 * MINUTE
REFUSED = "REFUSED"  # what the number of an account begins with that nobody can be paid to
WORDS = {
    "processing": "PENDING",
    "posted": "SUCCESS",
    "failed": "FAILED",
    "returned": "RETURNED",
    "canceled": "RETURNED",
}


@dataclass(slots=True)
class Outbound:
    """An outbound payment; `steps` are times and Stripe's statuses, oldest first."""

    transfer_id: str
    body: dict[str, Any]
    token: str  # of the recipient, in our metadata
    at: int
    steps: list[tuple[int, str]]
    heard: dict[str, str] = field(default_factory=dict)  # statuses by event

    def status(self, now: int) -> str:
        return next(status for at, status in reversed(self.steps) if at <= now)


class OutboundBooks:
    """Everything that was ever made, independent of the service's records."""

    def __init__(self, world: World, on_payment: Callable[[Outbound], None]) -> None:
        self.world = world
        self.recipients: dict[str, dict[str, Any]] = {}
        self.methods: dict[str, tuple[str, dict[str, Any]]] = {}
        self.made: dict[str, Outbound] = {}
        self.on_their_way: Counter[str | None] = Counter()  # late requests, by batch
        self.capable_at: dict[str, int] = {}  # recipients, by token, that cannot be paid before
        self._kept: dict[tuple[str, str], tuple[int, Request, str]] = {}
        self._on_payment = on_payment

    def answer(self, request: Request) -> Said:
        """Carry out a request, unless it has succeeded under its key."""
        if request.method == "GET":
            return self._read(request)
        place, now = (request.account, request.key or ""), self.world.time.micros()
        at, first, subject = self._kept.get(place, (-2 * DAY, request, ""))
        if now - at < FORGETS_AFTER:
            same = first == request
            return Said(200, self._shown(subject)) if same else error(400, "idempotency_error", "")
        made = self._make(request)
        if isinstance(made, Said):
            return made
        self._kept[place] = (now, request, made)
        return Said(200, self._shown(made))

    def fail(self, request: Request, *, acting: bool) -> Said:
        """Answer 500, having acted or not; nothing is kept of it."""
        if acting:
            self.answer(request)
        return error(500, "api_error", "")

    def is_forgotten(self, request: Request) -> bool:
        """Return whether its key was used and forgotten, so that it would be carried out again."""
        kept = self._kept.get((request.account, request.key or ""))
        return kept is not None and self.world.time.micros() - kept[0] >= FORGETS_AFTER

    def is_delayed(self, request: Request, until: int) -> None:
        """Have some recipients be capable again when a payment arrives late, and not before.

        So a call that is made meanwhile is refused, and the late one is carried out.
        """
        body: Any = request.form
        if request.method != "POST" or not request.path.endswith("/outbound_payments"):
            return
        token = self.recipients[body["to"]["recipient"]]["metadata"]["recipient"]
        if token in self.capable_at and self.world.chance(0.7):
            self.capable_at[token] = until

    def of_batch(self, batch_id: str) -> list[Outbound]:
        """Return the payments of a batch."""
        return [p for p in self.made.values() if p.body["metadata"]["batch_id"] == batch_id]

    def moved(self) -> Iterator[tuple[PaymentKey, Moved]]:
        """Return every payment that Stripe was told to make."""
        for payment in self.made.values():
            metadata, amount = payment.body["metadata"], payment.body["amount"]
            came_back = "returned" in payment.heard.values()
            moved = Moved(
                "stripe",
                metadata["batch_id"],
                Money(Decimal(amount["value"]).scaleb(-2), amount["currency"].upper()),
                payment.token,
                [(at, WORDS[status]) for at, status in payment.steps],
                {"RETURNED"} if came_back else (),
            )
            yield PaymentKey.of(metadata["item_id"]), moved

    def _make(self, request: Request) -> str | Said:
        body: Any = request.form
        match request.path.split("/")[2:]:
            case ["core", "accounts"]:
                recipient = f"acct_{len(self.recipients)}"
                self.recipients[recipient] = body
                return recipient
            case ["money_management", "outbound_setup_intents"]:
                account = body["payout_method_data"]["bank_account"]
                if account["account_number"].startswith(REFUSED):
                    return error(400, "invalid_request_error", "invalid_fields")
                method = f"usba_{len(self.methods)}"
                self.methods[method] = (request.account, account)
                return f"osi/{method}"
            case ["money_management", "outbound_payments"]:
                return self._pay(body)
            case ["money_management", "outbound_payments", name, "cancel"] if name in self.made:
                return self._cancel(self.made[name])
        raise AssertionError(f"{request.method} {request.path} is not modelled")

    def _pay(self, body: Any) -> str | Said:
        to, now = body["to"], self.world.time.micros()
        token = self.recipients[to["recipient"]]["metadata"]["recipient"]
        if self.methods[to["payout_method"]][0] != to["recipient"]:
            return error(400, "invalid_payout_method", "")
        if now < self.capable_at.get(token, 0):
            return error(400, "capability_not_enabled", "")
        if self.world.funds_are_out():
            return error(400, "insufficient_funds", "")
        name = f"obp_{len(self.made)}"
        self.made[name] = payment = Outbound(name, body, token, now, self._fate(now))
        self._on_payment(payment)
        return name

    def _cancel(self, payment: Outbound) -> str | Said:
        now = self.world.time.micros()
        if payment.status(now) == "canceled":
            return error(400, "already_canceled", "")
        if payment.status(now) != "processing":
            return error(400, "not_cancelable", "")
        payment.steps = [step for step in payment.steps if step[0] <= now] + [(now, "canceled")]
        return payment.transfer_id

    def _fate(self, now: int) -> list[tuple[int, str]]:
        draw, fate = self.world.draw, self.world.random()
        sent = now + draw(SECOND if fate < 0.3 else DAY)
        steps = [(now, "processing"), (sent, "failed" if fate > 0.9 else "posted")]
        if 0.75 < fate < 0.9:
            return [*steps, (sent + HOUR + draw(4 * DAY), "returned")]
        return steps

    def _read(self, request: Request) -> Said:
        match request.path.split("/")[2:]:
            case ["balance"]:
                return Said(200, {"available": [{"currency": "usd", "amount": 10**12}]})
            case ["transfers"]:
                return Said(200, {"data": [], "has_more": False})
            case ["core", "accounts"]:
                return _page([self._shown(name) for name in self.recipients])
            case ["money_management", "payout_methods"]:
                theirs = [n for n, (who, _) in self.methods.items() if who == request.account]
                return _page([self._shown(name) for name in theirs])
            case ["money_management", "outbound_payments"]:
                return _page([self._shown(name) for name in self._listed(request)])
            case ["money_management", "transactions"]:
                return _page([])
            case ["money_management", "financial_accounts", _]:
                there = 0 if self.world.funds_are_out() else 10**12
                amount = {"usd": {"value": there, "currency": "usd"}}
                return Said(200, {"balance": {"available": amount}})
            case ["money_management", _, name]:
                return Said(200, self._shown(name))
        raise AssertionError(f"{request.method} {request.path} is not modelled")

    def _listed(self, request: Request) -> list[str]:
        until = self.world.time.micros() - LAG
        who = request.form.get("recipient")
        return [
            name
            for name, payment in self.made.items()
            if payment.at <= until and who in (None, payment.body["to"]["recipient"])
        ]

    def _shown(self, name: str) -> dict[str, Any]:
        if name.startswith("osi/"):
            return {"id": "osi_1", "payout_method": self._shown(name.removeprefix("osi/"))}
        if name in self.recipients:
            return {"id": name, "metadata": self.recipients[name]["metadata"]}
        if name in self.methods:
            account = self.methods[name][1]
            bank = {
                "country": account["country"],
                "last4": account["account_number"][-4:],
                "supported_currencies": ["usd"],
            }
            return {"id": name, "usage_status": {"payments": "eligible"}, "bank_account": bank}
        return self._payment(self.made[name])

    def _payment(self, payment: Outbound) -> dict[str, Any]:
        status = payment.status(self.world.time.micros())
        amount = payment.body["amount"]
        return {
            "id": payment.transfer_id,
            "status": status,
            "status_details": {status: {"reason": "unknown_failure"}},
            "cancelable": status == "processing",
            "created": to_text(moment(payment.at)),
            "amount": amount,
            "metadata": payment.body["metadata"],
            "from": {"debited": amount},
            "to": {**payment.body["to"], "credited": amount},
        }


def _page(found: list[dict[str, Any]]) -> Said:
    return Said(200, {"data": found, "next_page_url": None})
