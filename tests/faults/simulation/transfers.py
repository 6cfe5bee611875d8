"""Stripe's own records: transfers, payouts and reversals, with Stripe's published idempotency.

https://docs.stripe.com/api/idempotent_requests: the first answer under a key is kept for a day,
whatever it was, including a 500; other parameters under the key are an error; then it is forgotten.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey
from paymentapp.providers.stripe.tables import DECIMALS
from tests.faults.simulation.clock import START
from tests.faults.simulation.ledger import Moved
from tests.faults.simulation.scheduler import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.world import World

FORGETS_AFTER = DAY
UNKNOWN, INCAPABLE, NO_PAYOUTS = "acct_unknown", "acct_incapable", "acct_nopayouts"
_EPOCH = int(START.timestamp())
_PLENTY = 10**12

Form = Mapping[str, str]


class Request(NamedTuple):
    """A request as received."""

    method: str
    path: str
    form: Form
    key: str | None
    account: str

    @classmethod
    def of(cls, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Request:
        parts = urlsplit(path)
        text = body.decode() if body else parts.query
        account = headers.get("Stripe-Context") or headers.get("Stripe-Account", "platform")
        is_json = body is not None and headers.get("Content-Type") == "application/json"
        form = json.loads(text) if is_json else dict(parse_qsl(text))
        return cls(method, parts.path, form, headers.get("Idempotency-Key"), account)


class Said(NamedTuple):
    """An answer."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


class Refusal(Exception):
    """A refusal, which is kept under the key."""

    def __init__(self, code: str, param: str = "") -> None:
        super().__init__(code)
        self.said = error(400, "invalid_request_error", code, param)


@dataclass(slots=True)
class Transfer:
    """Money that went to a connected account."""

    transfer_id: str
    form: Form
    at: int
    payouts: list[Payout] = field(default_factory=list)
    reversed_at: int | None = None

    @property
    def amount(self) -> int:
        return int(self.form["amount"])


@dataclass(slots=True)
class Payout:
    """Money paid out from there; `steps` are times and Stripe's statuses, oldest first."""

    payout_id: str
    account: str
    form: Form
    at: int
    steps: list[tuple[int, str]]
    heard: dict[str, str] = field(default_factory=dict)  # statuses by event

    @property
    def amount(self) -> int:
        return int(self.form["amount"])

    def status(self, now: int) -> str:
        return next(status for at, status in reversed(self.steps) if at <= now)


class Transfers:
    """Everything that the platform's account ever did, independent of the service's records."""

    def __init__(self, world: World, on_payout: Callable[[Payout], None]) -> None:
        self.world = world
        self.made: dict[str, Transfer] = {}
        self.payouts: dict[str, Payout] = {}
        self.on_their_way: Counter[str | None] = Counter()  # late requests, by batch
        self._kept: dict[tuple[str, str], tuple[int, Request, Said]] = {}
        self._on_payout = on_payout

    def answer(self, request: Request) -> Said:
        """Carry out a request, or replay the first answer under its key."""
        if request.key is None:
            return self._done(request)
        now = self.world.time.micros()
        at, first, said = self._kept.get((request.account, request.key), (-2 * DAY, request, None))
        if said is not None and now - at < FORGETS_AFTER:
            if first != request:
                return error(400, "idempotency_error", "")
            return said._replace(replayed=True)
        said = self._done(request)
        self._kept[request.account, request.key] = (now, request, said)
        return said

    def fail(self, request: Request, *, acting: bool) -> Said:
        """Answer 500, having acted or not, and keep that answer."""
        key = (request.account, request.key or "")
        said = self.answer(request) if acting else Said(500, {})
        if said.replayed or (not acting and self._is_kept(request)):
            return self.answer(request)
        failed = error(500, "api_error", "")
        self._kept[key] = (self.world.time.micros(), request, failed)
        return failed

    def is_forgotten(self, request: Request) -> bool:
        """Return whether its key was used and forgotten, so that it would be carried out again."""
        return (request.account, request.key or "") in self._kept and not self._is_kept(request)

    def is_delayed(self, request: Request, until: int) -> None:
        """Do nothing: what refuses a transfer does not change while one is under way."""

    def of_batch(self, batch_id: str) -> list[Transfer]:
        """Return the transfers of a batch."""
        return [t for t in self.made.values() if t.form["transfer_group"] == batch_id]

    def moved(self) -> Iterator[tuple[PaymentKey, Moved]]:
        """Return every payment that Stripe was told to make."""
        for transfer in self.made.values():
            form = transfer.form
            kind = form["metadata[payout]"]
            account = form["destination"]
            moved = Moved(
                "stripe",
                form["transfer_group"],
                _money(transfer.amount, form["currency"]),
                account if kind == "none" else f"{account}:{kind}",
                self._steps(transfer),
                {"RETURNED", "STRANDED"} if self._is_heard(transfer) else (),
            )
            for _ in range(max(1, len(transfer.payouts))):  # whoever pays out twice pays twice
                yield PaymentKey.of(form["metadata[item_id]"]), moved

    def _steps(self, transfer: Transfer) -> list[tuple[int, str]]:
        steps = [(transfer.at, "PENDING")]
        if transfer.form["metadata[payout]"] == "none":
            steps = [(transfer.at, "SUCCESS")]
        for payout in transfer.payouts:
            words = {"paid": "SUCCESS", "failed": "STRANDED", "canceled": "STRANDED"}
            steps += [(at, words[status]) for at, status in payout.steps if status in words]
        if transfer.reversed_at is not None:
            kept = [step for step in steps if step[0] <= transfer.reversed_at]
            later = [(at, raw) for at, raw in steps if at > transfer.reversed_at]
            paid = kept[-1][1] == "SUCCESS"  # then it is taken from an account that has paid it out
            steps = [*kept, (transfer.reversed_at, "OVERDRAWN" if paid else "RETURNED"), *later]
        return steps

    def _is_heard(self, transfer: Transfer) -> bool:
        """Return whether the service has processed the failure of a payout."""
        return any(
            status == "failed" for payout in transfer.payouts for status in payout.heard.values()
        )

    def _is_kept(self, request: Request) -> bool:
        known = self._kept.get((request.account, request.key or ""))
        return known is not None and self.world.time.micros() - known[0] < FORGETS_AFTER

    def _done(self, request: Request) -> Said:
        parts = request.path.split("/")[2:]  # after /v1
        try:
            return Said(200, self._acted(request, parts))
        except Refusal as refusal:
            return refusal.said

    def _acted(self, request: Request, parts: list[str]) -> dict[str, Any]:
        form = request.form
        match [request.method, *parts]:
            case ["GET", "balance"]:
                return {
                    "available": [
                        {"currency": "usd", "amount": self._available()},
                        {"currency": "jpy", "amount": self._available()},
                    ]
                }
            case ["GET", "account"]:
                return {"settings": {"payouts": {"schedule": {"interval": "manual"}}}}
            case ["POST", "transfers"]:
                return self._transfer(form)
            case ["GET", "transfers"]:
                made = [t for t in self.made.values() if _fits(t.at, t.form, form)]
                return _page([self._told(each) for each in made], form)
            case ["GET", "transfers", name] if name in self.made:
                return self._told(self.made[name])
            case ["POST", "transfers", name, "reversals"] if name in self.made:
                return self._reverse(self.made[name], form)
            case ["POST", "payouts"]:
                return self._payout(request.account, form)
            case ["GET", "payouts"]:
                theirs = [p for p in self.payouts.values() if p.account == request.account]
                return _page([self.told(p) for p in theirs if _fits(p.at, p.form, form)], form)
            case ["GET", "payouts", name] if name in self.payouts:
                return self.told(self.payouts[name])
        raise AssertionError(f"{request.method} {request.path} is not modelled")

    def _available(self) -> int:
        return 0 if self.world.funds_are_out() else _PLENTY

    def _transfer(self, form: Form) -> dict[str, Any]:
        account = form["destination"]
        if account.startswith(UNKNOWN):
            raise Refusal("resource_missing", "destination")
        if account.startswith(INCAPABLE):
            raise Refusal("insufficient_capabilities_for_transfer")
        if self._available() < int(form["amount"]):
            raise Refusal("balance_insufficient")
        made = Transfer(f"tr_{len(self.made) + 1}", form, self.world.time.micros())
        self.made[made.transfer_id] = made
        return self._told(made)

    def _reverse(self, transfer: Transfer, form: Form) -> dict[str, Any]:
        if transfer.reversed_at is not None:
            raise Refusal("")
        if self._balance(transfer.form["destination"]) < int(form["amount"]):
            raise Refusal("balance_insufficient")
        assert int(form["amount"]) == transfer.amount
        transfer.reversed_at = self.world.time.micros()
        return {"id": f"trr_{transfer.transfer_id}", "object": "transfer_reversal"}

    def _payout(self, account: str, form: Form) -> dict[str, Any]:
        if account.startswith(NO_PAYOUTS):
            raise Refusal("payouts_not_allowed")
        if self._balance(account) < int(form["amount"]):
            raise Refusal("balance_insufficient")
        now = self.world.time.micros()
        made = Payout(f"po_{len(self.payouts) + 1}", account, form, now, self._fate(now))
        self.payouts[made.payout_id] = made
        self.made[form["metadata[transfer]"]].payouts.append(made)
        self._on_payout(made)
        return self.told(made)

    def _balance(self, account: str) -> int:
        """Return the balance of a connected account."""
        now = self.world.time.micros()
        came = sum(
            t.amount
            for t in self.made.values()
            if t.form["destination"] == account and t.reversed_at is None
        )
        gone = sum(
            p.amount
            for p in self.payouts.values()
            if p.account == account and p.status(now) not in ("failed", "canceled")
        )
        return came - gone

    def _fate(self, now: int) -> list[tuple[int, str]]:
        draw, fate = self.world.draw, self.world.random()
        sent = now + draw(2 * MINUTE)
        paid = sent + draw(SECOND if fate < 0.3 else 2 * DAY)
        steps = [(now, "pending"), (sent, "in_transit")]
        if fate > 0.9:
            return [*steps, (paid, "failed")]
        if fate > 0.75:  # "some payouts that fail might initially show as paid"
            return [*steps, (paid, "paid"), (paid + HOUR + draw(4 * DAY), "failed")]
        return [*steps, (paid, "paid")]

    def _told(self, transfer: Transfer) -> dict[str, Any]:
        back = transfer.amount if transfer.reversed_at is not None else 0
        return {
            **_common(transfer.transfer_id, "transfer", transfer.form, transfer.at),
            "amount_reversed": back,
            "reversed": back > 0,
            "destination": transfer.form["destination"],
            "transfer_group": transfer.form["transfer_group"],
        }

    def told(self, payout: Payout, status: str | None = None) -> dict[str, Any]:
        """Return a payout as the API shows it, with its current or another status."""
        status = status or payout.status(self.world.time.micros())
        return {
            **_common(payout.payout_id, "payout", payout.form, payout.at),
            "status": status,
            "failure_code": "account_closed" if status == "failed" else None,
        }


def error(status: int, kind: str, code: str, param: str = "") -> Said:
    """Return an error as in https://docs.stripe.com/api/errors."""
    named = {"type": kind, "code": code, "param": param, "message": "as it is"}
    return Said(status, {"error": {name: value for name, value in named.items() if value}})


def _common(name: str, kind: str, form: Form, at: int) -> dict[str, Any]:
    prefix = "metadata["
    return {
        "id": name,
        "object": kind,
        "amount": int(form["amount"]),
        "currency": form["currency"],
        "created": _EPOCH + at // SECOND,
        "metadata": {k[len(prefix) : -1]: v for k, v in form.items() if k.startswith(prefix)},
    }


def _fits(at: int, made: Form, wanted: Form) -> bool:
    group, since = wanted.get("transfer_group"), wanted.get("created[gte]", "0")
    return group in (None, made.get("transfer_group")) and _EPOCH + at // SECOND >= int(since)


def _page(found: list[dict[str, Any]], form: Form) -> dict[str, Any]:
    """Return a page, newest first, after a cursor."""
    newest = found[::-1]
    ids = [each["id"] for each in newest]
    first = ids.index(form["starting_after"]) + 1 if "starting_after" in form else 0
    last = first + int(form["limit"])
    more = last < len(newest)
    return {"object": "list", "data": newest[first:last], "has_more": more, "url": "/v1"}


def _money(amount: int, currency: str) -> Money:
    code = currency.upper()
    return Money(Decimal(amount).scaleb(-DECIMALS[code]), code)


def as_bytes(said: Said) -> bytes:
    """Return the body of an answer."""
    return json.dumps(said.body).encode()
