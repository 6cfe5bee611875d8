"""The payment methods of a world, the customers that each can pay, and the ledgers to check."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from paymentapp.models.batches import Batch
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.providers.base import Provider
from paymentapp.providers.openach.settings import ARMED, COMPLETE
from paymentapp.vault.sealing import Vault
from tests.faults.simulation.bank import Bank
from tests.faults.simulation.clock import START
from tests.faults.simulation.global_payouts import GlobalSide
from tests.faults.simulation.ledger import Moved
from tests.faults.simulation.openach import OpenAchSide
from tests.faults.simulation.scheduler import DAY, HOUR
from tests.faults.simulation.stripe import StripeSide

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

SCENES: dict[str, Sequence[str]] = {
    "paypal": ("paypal",),
    "ach": ("ach",),
    "stripe": ("stripe",),
    "global": ("stripe",),
    "openach": ("openach",),
    "armed": ("openach",),
    "webhooks": ("paypal",),
    "bulk": ("paypal",),
    "routes": ("paypal", "ach", "stripe"),
}
SETTLED_WITHIN = {  # of the last fault, or of the outcome
    "paypal": 8 * HOUR,
    "ach": 20 * DAY,
    "stripe": 4 * DAY,
    "global": 6 * DAY,
    "openach": 25 * DAY,
    "armed": 30 * DAY,
    "webhooks": 4 * DAY,
    "bulk": 8 * HOUR,
    "routes": 20 * DAY,
}
RULES = ("ach USD ..50; stripe; paypal", "stripe USD ..70; ach; paypal", "ach; paypal; stripe")

_DOLLARS_ALONE = {"ach", "openach", "armed", "global"}  # scenes
_PLANS = {"openach": COMPLETE, "armed": ARMED}
VAULT_KEY = f"k:{base64.b64encode(bytes(32)).decode()}"


def _stripe_side(world: World, scene: str) -> StripeSide:
    return GlobalSide(world) if scene == "global" else StripeSide(world)


class WorldMethods:
    """The payment methods of one world."""

    def __init__(self, world: World, scene: str) -> None:
        self.world = world
        self.scene = scene
        self.names = SCENES[scene]
        self.vault = Vault(VAULT_KEY)
        self.bank = Bank(world) if "ach" in self.names else None
        self.stripe = _stripe_side(world, scene) if "stripe" in self.names else None
        self.openach = OpenAchSide(world, _PLANS[scene]) if scene in _PLANS else None
        self.takes_yen = scene not in _DOLLARS_ALONE
        self.routes = RULES[world.draw(len(RULES))] if scene == "routes" else ""

    def providers(self, process: Process) -> dict[str, Provider]:
        """Build a process's own providers."""
        found: dict[str, Provider] = {}
        if "paypal" in self.names:
            found["paypal"] = self.world.parts.provider(self.world, process)
        if self.bank:
            found["ach"] = self.bank.provider(process)
        if self.stripe:
            found["stripe"] = self.stripe.provider(process)
        if self.openach:
            found["openach"] = self.openach.provider(process)
        return {name: self.world.holders.watched(each) for name, each in found.items()}

    def _sides(self) -> Iterator[tuple[str, Bank | StripeSide | OpenAchSide]]:
        """Yield the providers whose customers need details."""
        if self.bank:
            yield "ach", self.bank
        if self.stripe:
            yield "stripe", self.stripe
        if self.openach:
            yield "openach", self.openach

    def customers(self, count: int) -> int:
        """Return how many customers there are in a world of so many payments."""
        return max(4, count // (12 if self.scene == "paypal" else 4))

    def known(self, customer: Customer, number: int) -> Customer:
        """Return a customer with the details that providers need."""
        if self.scene == "paypal":
            return customer
        some = 0.75 if self.scene == "routes" else 1.0
        methods = {
            name: PaymentMethod(side.account_for(customer.customer_id, number), START)
            for name, side in self._sides()
            if self.world.chance(some)
        }
        best = None
        if methods and (self.scene != "routes" or self.world.chance(0.3)):
            best = min(methods)
        return customer.changed(methods=methods, default_method=best)

    def method(self, customer: Customer, money: Money) -> str | None:
        """Choose the method of a request: one that fits, or none in particular."""
        if self.scene == "paypal":
            return "paypal"
        if self.world.chance(0.6 if self.scene == "routes" else 0.3):
            return None
        fitting = [
            name
            for name in customer.methods
            if name not in _DOLLARS_ALONE or money.currency == "USD"
        ]
        fitting += ["paypal"] if "paypal" in self.names else []
        return fitting[self.world.draw(len(fitting))]

    def moved(self) -> dict[PaymentKey, list[Moved]]:
        """Return what all providers' ledgers have, by payment."""
        found: dict[PaymentKey, list[Moved]] = {}
        books = [self.world.ledger.moved()]
        if self.bank:
            books.append(self.bank.moved())
        if self.stripe:
            books.append(self.stripe.moved())
        if self.openach:
            books.append(self.openach.moved())
        for key, moved in chain(*books):
            found.setdefault(key, []).append(moved)
        return found

    def payee(self, payment: Payment) -> str:
        """Return the payee of a payment, in the form of its provider's ledger."""
        if payment.payment_method == "ach" and self.bank:
            return self.bank.payee(payment.customer_id, payment.destination or "")
        if payment.payment_method == "openach" and self.openach:
            return self.openach.payee(payment.customer_id, payment.destination or "")
        if payment.payment_method == "stripe" and self.stripe:
            return self.stripe.payee(payment.customer_id, payment.destination or "")
        return payment.payee

    def is_declined(self, payment: Payment) -> bool:
        """Return whether every provider that was tried would certainly refuse this payment."""
        return all(
            self._declines(method, payment)
            for method in (*payment.tried_methods, payment.payment_method)
        )

    def _declines(self, method: str, payment: Payment) -> bool:
        if method == "ach":
            return self.bank is not None and payment.customer_id in self.bank.unpayable
        if method == "stripe":
            return self.stripe is not None and payment.customer_id in self.stripe.unpayable
        if method == "openach":
            return self.openach is not None and self.openach.declines(payment)
        return payment.key in self.world.ledger.at_fault

    def reference_of(self, batch: Batch) -> str | None:
        """Return the provider's reference of a batch, if it has it."""
        if batch.provider == "ach" and self.bank:
            return self.bank.file_of(batch.batch_id)
        if batch.provider == "stripe" and self.stripe:
            found = self.stripe.transfers.of_batch(batch.batch_id)
            return found[0].transfer_id if found else None
        if batch.provider == "openach" and self.openach:
            return self.openach.reference_of(batch)
        return self.world.ledger.reference_of(batch.batch_id)

    def is_quiet(self) -> bool:
        """Return whether no further change happens without the service."""
        if self.bank and (self.bank.pending or self.bank.has_mail()):
            return False
        if self.openach and self.openach.pending:
            return False
        return not (self.world.operator.busy or (self.stripe and self.stripe.pending))
