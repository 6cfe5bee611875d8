"""What a run of the model measures: by the writes that take effect, and the calls of PayPal."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.scale.expressions import Item
from bench.scale.threads import Kernel
from paymentapp.clock import from_text
from paymentapp.models.payments import FINAL, PaymentKey
from paymentapp.storage.codec.batches import BATCH
from tests.faults.simulation.clock import micros_of
from tests.faults.simulation.scheduler import SECOND


class Sample(NamedTuple):
    """The queues at one time."""

    at: float  # seconds since the first payment
    accepted: int
    due: int  # accepted, and in no batch
    oldest_due: float  # seconds
    in_batches: int  # in a batch, and without an outcome
    unclaimed: int
    open_batches: int
    calls: int  # of PayPal, so far
    limited: int  # of these, those that were answered by 429
    units: float  # written, so far
    events_behind: float  # seconds from the end of the list of events to now


@dataclass
class Times:
    """Durations in seconds."""

    values: array[float] = field(default_factory=lambda: array("f"))

    def add(self, seconds: float) -> None:
        """Record a duration."""
        self.values.append(seconds)

    def percentile(self, share: float) -> float:
        """Return a percentile; 0 where nothing was recorded."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def text(self) -> str:
        """Return p50 and p99."""
        return f"{self.percentile(0.5):,.1f} s / {self.percentile(0.99):,.1f} s"


@dataclass
class Measures:
    """Counts and times of one run."""

    kernel: Kernel
    begun_at: float = 0.0
    requested: int = 0
    accepted: int = 0
    refused: int = 0  # answers 503, after which the caller has repeated its request
    states: Counter[str] = field(default_factory=Counter)  # payments by status
    batches: Counter[str] = field(default_factory=Counter)  # by state
    answer_times: Times = field(default_factory=Times)
    submit_times: Times = field(default_factory=Times)  # from the acceptance to PayPal's call
    settle_times: Times = field(default_factory=Times)  # from the acceptance to the final status
    report_times: Times = field(default_factory=Times)  # from PayPal's outcome to our final status
    samples: list[Sample] = field(default_factory=list)
    _due: dict[str, float] = field(default_factory=dict)  # since when, by our id
    _created: dict[str, float] = field(default_factory=dict)  # of what was not submitted yet
    _outcomes: dict[str, float] = field(default_factory=dict)  # at PayPal

    def wrote(self, table: str, old: Item | None, new: Item | None) -> None:
        """Note a write that took effect."""
        if table == "Disbursements" and new is not None:
            self._payment(old, new)
        elif table == "Operations" and new is not None and new["sk"]["S"] == BATCH:
            _moved(self.batches, old, new, "state")

    def submitted(self, item_id: str) -> None:
        """Note that PayPal has accepted an item."""
        self.submit_times.add(self.kernel.seconds() - self._created.pop(item_id))

    def decided(self, item_id: str, outcome: str, at: int) -> None:
        """Note when PayPal will have an outcome."""
        if outcome != "UNCLAIMED":
            self._outcomes[item_id] = at / SECOND

    def _payment(self, old: Item | None, new: Item) -> None:
        status = new["status"]["S"]
        if old is not None and old["status"]["S"] == status:
            return
        _moved(self.states, old, new, "status")
        now = self.kernel.seconds()
        key = PaymentKey(new["customer_id"]["S"], new["payment_id"]["S"])
        if old is None:
            self._created[key.item_id] = now
        if status == "pending":
            self._due[key.item_id] = now
        else:
            self._due.pop(key.item_id, None)
        if status in FINAL:
            self.settle_times.add(now - micros_of(from_text(key.payment_id)) / SECOND)
            self.report_times.add(now - self._outcomes.pop(key.item_id))

    def oldest_due(self) -> float:
        """Return how long the oldest due payment has waited, in seconds."""
        since = next(iter(self._due.values()), None)
        return self.kernel.seconds() - since if since is not None else 0.0

    @property
    def settled(self) -> int:
        """Return how many payments have a final status."""
        return sum(self.states[status] for status in FINAL)

    @property
    def waiting(self) -> int:
        """Return how many payments have none."""
        return self.states.total() - self.settled

    @property
    def open_batches(self) -> int:
        """Return how many batches need attention."""
        return self.batches.total() - self.batches["closed"]


def _moved(counter: Counter[str], old: Item | None, new: Item, name: str) -> None:
    if old is not None:
        counter[old[name]["S"]] -= 1
    counter[new[name]["S"]] += 1
