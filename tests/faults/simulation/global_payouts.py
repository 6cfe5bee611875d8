"""Global Payouts as processes reach them: the real provider over a network with faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from paymentapp.models.payments import PaymentKey
from paymentapp.providers.http import Http
from paymentapp.providers.stripe.payees import StripePayees
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.providers.stripe.recipient_book import KEY_TRUSTED
from paymentapp.providers.stripe.recipients import NewRecipient, read_recipient
from tests.faults.simulation.ledger import Moved
from tests.faults.simulation.outbound import REFUSED, Outbound, OutboundBooks
from tests.faults.simulation.scheduler import DAY, MINUTE
from tests.faults.simulation.stripe import SETTINGS, SimulatedHttp, StripeSide
from tests.support.global_backend import PERSON

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

GLOBAL_SETTINGS = replace(SETTINGS, financial_account="fa_1")
# As for transfers: nothing is promised for a process that is held up for longer between its look
# at the clock and its call.
_HELD_UP = DAY - KEY_TRUSTED // timedelta(microseconds=1) - 15 * MINUTE
_KIND = "v2.money_management.outbound_payment"


class GlobalSide(StripeSide):
    """The one Stripe of all processes, that pays recipients alone."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.transfers: OutboundBooks = OutboundBooks(world, self._announce)  # type: ignore[assignment]

    def provider(self, process: Process) -> Stripe:
        """Build a process's Stripe provider, the real one."""
        http = SimulatedHttp(self.world, process, self.transfers, _HELD_UP)
        vault, state = self.world.methods.vault, process.store
        door = cast(Http, http)
        return self.world.parts.stripe(GLOBAL_SETTINGS, process.clock, door, vault, state)

    def account_for(self, customer_id: str, number: int) -> str:
        """Return the destination of a customer; some are refused, or not capable at first."""
        account = f"{number:012d}"
        payees = StripePayees("none", self.world.methods.vault)
        kind = self.world.draw(12)
        if kind == 0:
            account = f"{REFUSED}{number}"
        destination = payees.destination(customer_id, PERSON | {"account_number": account})
        if kind <= 4:
            self.unpayable.add(customer_id)
        if 1 <= kind <= 4:
            capable_at = self.world.time.micros() + self.world.draw(DAY)
            self.transfers.capable_at[self.payee(customer_id, destination)] = capable_at
        return destination

    def payee(self, customer_id: str, destination: str) -> str:  # noqa: ARG002
        """Return the token of a recipient, which their records at Stripe have."""
        recipient = read_recipient(destination)
        assert isinstance(recipient, NewRecipient)
        return recipient.token

    def moved(self) -> Iterator[tuple[PaymentKey, Moved]]:
        """Return every payment that Stripe was told to make."""
        return self.transfers.moved()

    def _event(self, payment: Outbound, name: str, status: str) -> bytes:  # type: ignore[override]
        return json.dumps(
            {
                "id": name,
                "object": "v2.core.event",
                "type": f"{_KIND}.{'created' if status == 'processing' else status}",
                "livemode": False,
                "related_object": {"id": payment.transfer_id, "type": _KIND},
            }
        ).encode()
