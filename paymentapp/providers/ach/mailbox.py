"""The bank's files in the incoming folder, and what follows from none having come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from paymentapp.clock import Clock
from paymentapp.errors import NotSent
from paymentapp.providers.ach.event_bodies import read_update
from paymentapp.providers.ach.event_records import taken_back_record
from paymentapp.providers.ach.payees import AchPayees
from paymentapp.providers.ach.reversal_state import is_reversal
from paymentapp.providers.ach.reversals import AchReversals
from paymentapp.providers.bank_mail.folders import Folder
from paymentapp.providers.bank_mail.incoming_state import IncomingState
from paymentapp.providers.bank_mail.mailbox import BankMailbox, IncomingRules
from paymentapp.providers.bank_mail.reading import BankFileReader
from paymentapp.providers.store_errors import store_errors_as
from paymentapp.providers.updates import Delivery, WebhookNews


class AchMailbox(BankMailbox):
    """Reads the incoming folder, and settles reversals."""

    def __init__(
        self,
        folder: Folder,
        incoming: IncomingState,
        reader: BankFileReader,
        rules: IncomingRules,
        payees: AchPayees,
        reversals: AchReversals,
        clock: Clock,
    ) -> None:
        super().__init__(folder, incoming, reader, rules, clock)
        self._payees = payees
        self._reversals = reversals

    def collect(self) -> Iterator[Delivery]:
        """Yield what every file tells, and what reversals have taken back.

        Raises NotSent, Misconfigured.
        """
        self._payees.check_open()
        yield from super().collect()
        with store_errors_as(NotSent):
            yield from self._taken_back()

    def put_away(self, delivery: Delivery) -> None:
        """Move the file to `done/`; record that a reversal is settled."""
        key, _, _ = delivery.name.partition(" ")
        if not is_reversal(key):
            super().put_away(delivery)
            return
        with store_errors_as(NotSent):
            self._reversals.settled(key)

    @staticmethod
    def read_update(record: Mapping[str, Any]) -> WebhookNews:
        """Read the record of a body."""
        return read_update(record)

    def _taken_back(self) -> Iterator[Delivery]:
        """Yield what reversals have taken back, each file once its time of returns is over.

        It is no file of the bank's, but what follows from none having come.
        """
        for reversal_id, entries in self._reversals.settle():
            records = [taken_back_record(reversal_id, each) for each in entries]
            bodies = [json.dumps(each, separators=(",", ":")).encode() for each in records]
            yield Delivery(f"{reversal_id} (settled)", bodies)
