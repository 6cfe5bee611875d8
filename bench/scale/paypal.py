"""A simulated PayPal behind the real provider's code: its calls a minute, and when items settle.

The times of calls and outcomes are assumptions, since PayPal publishes neither; so is the number of
calls a minute ("we do not publish a rate limiting policy":
https://developer.paypal.com/reference/guidelines/rate-limiting). They are written in one place,
`PayPalAssumptions`, and in the results.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple
from urllib.parse import unquote

from bench.scale.threads import Kernel
from paymentapp.clock import to_text
from paymentapp.providers.http import Answer
from tests.faults.simulation.clock import moment
from tests.faults.simulation.scheduler import SECOND

_ITEM_CPU = 0.00005  # of our process, for each item that it writes or reads


@dataclass(frozen=True)
class PayPalAssumptions:
    """What the model assumes of PayPal."""

    calls_a_minute: int = 400
    call_seconds: float = 0.4
    submit_seconds: float = 0.8
    item_seconds: float = 0.0002  # besides, for each item that a call sends or reads
    first_seconds: float = 2.0  # from the acceptance of a batch to its first outcomes
    quick_seconds: float = 30.0  # and to the last of the quick ones
    slow_share: float = 0.02  # of the items; the others are quick
    slow_seconds: float = 600.0  # their mean
    unclaimed_share: float = 0.01  # of the items: unclaimed, for longer than the model runs
    failed_share: float = 0.002


class Item(NamedTuple):
    """One item: what PayPal shows of it, and when its outcome is there."""

    shown: dict[str, Any]
    outcome: str
    at: int  # microseconds


@dataclass
class PayoutBatch:
    """A batch that PayPal has accepted."""

    reference: str
    sender_batch_id: str
    items: list[Item]
    last_at: int

    def page(self, number: int, size: int, now: int) -> dict[str, Any]:
        """Return one page of the batch's items, as they are now."""
        shown = []
        for item in self.items[(number - 1) * size : number * size]:
            if item.at <= now and item.shown["transaction_status"] != item.outcome:
                item.shown["transaction_status"] = item.outcome
                item.shown["time_processed"] = to_text(moment(item.at))
            shown.append(item.shown)
        header = {
            "payout_batch_id": self.reference,
            "batch_status": "SUCCESS" if self.last_at <= now else "PROCESSING",
            "sender_batch_header": {"sender_batch_id": self.sender_batch_id},
        }
        pages = -(-len(self.items) // size)
        return {"batch_header": header, "items": shown, "total_pages": pages}


@dataclass(frozen=True)
class _ParsedAnswer(Answer):
    """An answer whose body was never written as text: parsing it takes most of a run's time."""

    parsed: Any = None

    def json(self) -> object:
        return self.parsed


@dataclass
class SimulatedPayPal:
    """The account that all processes share."""

    kernel: Kernel
    seed: int
    assumptions: PayPalAssumptions = field(default_factory=PayPalAssumptions)
    batches: dict[str, PayoutBatch] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)  # by kind
    limited: Counter[str] = field(default_factory=Counter)  # those that were answered by 429
    sizes: Counter[int] = field(default_factory=Counter)  # of the batches
    paid: Counter[str] = field(default_factory=Counter)  # items, by our id
    on_outcome: Callable[[str, str, int], object] = lambda _item, _outcome, _at: None
    on_submit: Callable[[str], object] = lambda _item: None

    def __post_init__(self) -> None:
        self._rng = Random(f"paypal {self.seed}")
        self._minute = -1
        self._used = 0
        self._by_sender_id: dict[str, str] = {}

    def answer(self, method: str, path: str, params: Mapping[str, str], body: Any) -> Answer:
        """Answer a call, after its time."""
        kind = _kind_of(method, path)
        sent = json.loads(body) if kind == "submit" else {}
        if not self._takes(kind):
            self.kernel.sleep(0.1)
            return _ParsedAnswer(429, {}, b"", {"name": "RATE_LIMIT_REACHED"})
        match kind:
            case "token":
                self.kernel.sleep(self.assumptions.call_seconds)
                token = {"access_token": "simulated", "expires_in": 32_000}
                return _ParsedAnswer(200, {}, b"", token)
            case "submit":
                return self._submit(sent)
            case "poll":
                return self._page(path, params)
        self.kernel.sleep(self.assumptions.call_seconds)
        return _ParsedAnswer(403, {}, b"", {"name": "NOT_AUTHORIZED"})

    def _takes(self, kind: str) -> bool:
        """Count a call in its minute; return whether the account may make it."""
        minute = int(self.kernel.seconds() // 60)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        self.calls[kind] += 1
        if self._used >= self.assumptions.calls_a_minute:
            self.limited[kind] += 1
            return False
        self._used += 1
        return True

    def _submit(self, sent: Any) -> Answer:
        sender_id = sent["sender_batch_header"]["sender_batch_id"]
        count = len(sent["items"])
        self.kernel.sleep(self.assumptions.submit_seconds + self.assumptions.item_seconds * count)
        if sender_id in self._by_sender_id:
            link = {"href": f"/v1/payments/payouts/{self._by_sender_id[sender_id]}"}
            details = [{"field": "SENDER_BATCH_ID", "link": [link]}]
            problem = {"name": "USER_BUSINESS_ERROR", "details": details}
            return _ParsedAnswer(400, {}, b"", problem)
        reference = f"P{len(self.batches) + 1:012}"
        self._by_sender_id[sender_id] = reference
        items = [self._item(reference, number, each) for number, each in enumerate(sent["items"])]
        last_at = max(item.at for item in items)
        self.batches[reference] = PayoutBatch(reference, sender_id, items, last_at)
        self.sizes[count] += 1
        header = {
            "payout_batch_id": reference,
            "batch_status": "PENDING",
            "sender_batch_header": {"sender_batch_id": sender_id},
        }
        return _ParsedAnswer(201, {}, b"", {"batch_header": header})

    def _item(self, reference: str, number: int, sent: Any) -> Item:
        """Accept an item, and draw its outcome."""
        assumed, rng = self.assumptions, self._rng
        item_id = sent["sender_item_id"]
        self.paid[item_id] += 1
        self.on_submit(item_id)
        after = rng.uniform(assumed.first_seconds, assumed.quick_seconds)
        outcome, chance = "SUCCESS", rng.random()
        if chance < assumed.unclaimed_share:
            outcome = "UNCLAIMED"
        elif chance < assumed.unclaimed_share + assumed.slow_share:
            after = rng.expovariate(1 / assumed.slow_seconds)
        elif chance > 1 - assumed.failed_share:
            outcome = "FAILED"
        at = self.kernel.scheduler.now + round(after * SECOND)
        self.on_outcome(item_id, outcome, at)
        shown = {
            "payout_item_id": f"{reference}{number:05}",
            "transaction_id": f"T{reference}{number:05}",
            "transaction_status": "PENDING",
            "payout_item": sent,
            "payout_item_fee": {"currency": "USD", "value": "0.25"},
        }
        return Item(shown, outcome, at)

    def _page(self, path: str, params: Mapping[str, str]) -> Answer:
        number, size = int(params["page"]), int(params["page_size"])
        batch = self.batches[unquote(path.rpartition("/")[2])]
        page = batch.page(number, size, self.kernel.scheduler.now)
        self.kernel.sleep(
            self.assumptions.call_seconds + self.assumptions.item_seconds * len(page["items"])
        )
        return _ParsedAnswer(200, {}, b"", page)


class SimulatedHttp:
    """`providers.http.Http` of one process."""

    def __init__(self, paypal: SimulatedPayPal, cpu: Callable[[float], None]) -> None:
        self._paypal = paypal
        self._cpu = cpu

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, str] | None = None,
        **_others: object,
    ) -> Answer:
        """Make a call."""
        answer = self._paypal.answer(method, path, params or {}, body)
        parsed: Any = answer.json()
        self._cpu(_ITEM_CPU * len(parsed.get("items", ())))
        return answer

    def close(self) -> None:
        """Do nothing: there are no connections."""


def _kind_of(method: str, path: str) -> str:
    if path.endswith("/oauth2/token"):
        return "token"
    if "/reporting/" in path:
        return "report"
    return "submit" if method == "POST" else "poll"
