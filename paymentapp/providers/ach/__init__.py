"""ACH by NACHA files: a payment is an entry of a file that the bank fetches from a folder.

A bank answers no call. That it has a file is known by the folder; that a payment has arrived, by
its not having come back in time. `docs/decisions/0014-ach.md` tells why each step is as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paymentapp.errors import NotSent, OutcomeUnknown
from paymentapp.models import Batch, Member
from paymentapp.providers.ach.files import Files
from paymentapp.providers.ach.folders import BankFolder, Folder, FolderError
from paymentapp.providers.ach.inbound import AchMailbox
from paymentapp.providers.ach.news import NewsNotes
from paymentapp.providers.ach.notes import FileNotes
from paymentapp.providers.ach.payees import AchPayees
from paymentapp.providers.ach.prenotes import Prenotes
from paymentapp.providers.ach.reports import Reports
from paymentapp.providers.ach.settings import PREFIX, AchSettings, read_settings
from paymentapp.providers.ach.store_errors import store_errors_as
from paymentapp.providers.ach.timetable import Timetable
from paymentapp.providers.ach.traces import Traces
from paymentapp.providers.ach.upload import Uploads, not_sent
from paymentapp.providers.base import (
    CurrencyRule,
    ItemReport,
    Kit,
    Outcome,
    Postponed,
    Provider,
    Refused,
)


class Ach(Provider):
    """Pays by ACH credits in NACHA files. Any number of threads may share it."""

    name = "ach"
    payees: AchPayees
    cutoffs: Timetable
    mailbox: AchMailbox

    def __init__(
        self,
        kit: Kit,
        settings: AchSettings,
        outgoing: Folder | None = None,
        incoming: Folder | None = None,
    ) -> None:
        """`outgoing` and `incoming` stand for the folders of the settings, in tests."""
        self._outgoing = outgoing or BankFolder(settings.outgoing)
        self._incoming = incoming or BankFolder(settings.incoming)
        self._prenoting = settings.prenotes
        self.currencies: Mapping[str, CurrencyRule] = {"USD": CurrencyRule(2, settings.most)}
        self.batch_size = min(kit.settings.batch_size, settings.batch_size)
        self.configured = kit.vault.is_open
        self.description = f"ACH files to {settings.outgoing.shown}"
        self.payees = AchPayees(kit.vault, kit.notebook)
        self.cutoffs = Timetable(settings)
        self._notes = FileNotes(kit.notebook)
        traces = Traces(kit.notebook, settings.odfi, kit.clock)
        news = NewsNotes(kit.notebook)
        self._files = Files(kit, settings, traces, self.payees, self._notes)
        self._uploads = Uploads(
            self._outgoing, self._notes, settings.attempt, self._files.content, kit.clock
        )
        self._prenotes = Prenotes(
            kit.notebook, settings, self._files, self._notes, self._uploads, kit.clock
        )
        self._reports = Reports(self._notes, news, traces, self.cutoffs, kit.clock)
        self.batch_key = self._prenotes if settings.prenotes else None
        self.mailbox = AchMailbox(
            self._incoming, kit.notebook, traces, self._notes, news, self.payees, self._uploads,
            self._prenotes,
        )  # fmt: skip

    def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
        """Make the batch's file, once, and bring it into the bank's folder, once."""
        with store_errors_as(OutcomeUnknown):
            self.payees.check_open()
            if self._prenoting and self._notes.made(batch.batch_id) is None:
                asked = self._asked(batch.batch_id, members)
                if isinstance(asked, Postponed):
                    return asked
                if asked is not None:
                    self._notes.decide(batch.batch_id, asked)
            made = self._files.made(batch.batch_id, members)
            if isinstance(made, Refused):
                return made
            return self._uploads.deliver(batch.batch_id, made)

    def fetch(self, batch: Batch) -> list[ItemReport]:
        """How each payment of a batch stands, by what is on record of its file."""
        with store_errors_as(NotSent):
            by_word = batch.accepted_at if batch.decision else None
            return self._reports.of_batch(batch.batch_id, by_word)

    def cancel(self, provider_item_id: str) -> ItemReport:
        """How a payment stands: a credit that a bank has cannot be taken back by us."""
        with store_errors_as(NotSent):
            return self._reports.of_entry(provider_item_id)

    def check(self) -> None:
        """List both folders."""
        self.payees.check_open()
        for folder in (self._outgoing, self._incoming):
            try:
                with folder.open() as session:
                    session.sizes()
            except FolderError as error:
                raise not_sent(error) from None

    def close(self) -> None:
        """Nothing is held open between calls."""

    def _asked(self, batch_id: str, members: Sequence[Member]) -> Refused | Postponed | None:
        """Whether the accounts of a batch may be paid: see `prenotes`."""
        return self._files.refusal(members) or self._prenotes.settled(batch_id, members)


def build(kit: Kit) -> Ach | None:
    """ACH from the settings; None where none of them is set. Raises SettingsError."""
    variables = kit.settings.variables
    if not variables.any(PREFIX):
        return None
    return Ach(kit, read_settings(variables, kit.settings.provider_timeout))
