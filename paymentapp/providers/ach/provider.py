"""ACH by NACHA files: a payment is an entry of a file that the bank fetches from a folder.

A bank answers no call. Whether it has a file is known from the folder; a payment has succeeded if
it was not returned in time. `docs/decisions/0014-ach.md` gives the reason of each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from paymentapp.errors import NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.models.explanations import Explanation
from paymentapp.providers.ach.account_state import AccountState
from paymentapp.providers.ach.bank_files import AchMatcher
from paymentapp.providers.ach.contents import Contents
from paymentapp.providers.ach.entry_options import OPTIONS, EntryRules
from paymentapp.providers.ach.entry_updates import EntryUpdateState, return_text
from paymentapp.providers.ach.file_state import FilePlan, FileState
from paymentapp.providers.ach.files import Files
from paymentapp.providers.ach.mailbox import AchMailbox
from paymentapp.providers.ach.payees import AchPayees
from paymentapp.providers.ach.pgp import IncomingPgp
from paymentapp.providers.ach.prenote_state import PrenoteState
from paymentapp.providers.ach.prenotes import Prenotes
from paymentapp.providers.ach.reports import Reports
from paymentapp.providers.ach.retry_rules import AchRetryRules
from paymentapp.providers.ach.reversal_state import ReversalState
from paymentapp.providers.ach.reversals import AchReversals
from paymentapp.providers.ach.schedule import CutoffSchedule
from paymentapp.providers.ach.settings import LARGEST_FILE, AchSettings
from paymentapp.providers.ach.trace_numbers import Traces
from paymentapp.providers.ach.upload import Uploads
from paymentapp.providers.bank_mail.folders import BankFolder, Folder, FolderError, not_sent
from paymentapp.providers.bank_mail.incoming_state import IncomingState
from paymentapp.providers.bank_mail.mailbox import IncomingRules
from paymentapp.providers.bank_mail.reading import BankFileReader
from paymentapp.providers.base import (
    CurrencyRule,
    Detail,
    Environment,
    Kit,
    Outcome,
    Postponed,
    Provider,
    Refused,
    RemittanceRules,
    Withdrawn,
)
from paymentapp.providers.store_errors import store_errors_as
from paymentapp.providers.updates import ItemReport

CORRECTED = "DETAILS_CORRECTED"
BLOCKED = "ACCOUNT_BLOCKED"


class Ach(Provider):
    """Pays by ACH credits in NACHA files. Any number of threads may share it."""

    name = "ach"
    forgets_batch_after: timedelta | None = None  # its file is on record here
    looks_before_resending = True
    returns_unclaimed_after: timedelta | None = None
    submits_per_second = 2  # files
    settings_class = AchSettings
    details: Sequence[Detail] = AchPayees.details
    example_details: Mapping[str, str] = {
        "holder": "Ada Lovelace",
        "routing_number": "021000021",
        "account_number": "000123456789",
        "account_type": "checking",
    }
    # Addenda 05, Payment Related Information: 80 alphameric characters. Appendix One, 1.2 of the
    # NACHA Operating Rules (2013): letters, digits, blanks and special characters above hex 1F.
    remittance: RemittanceRules | None = RemittanceRules(
        r"[!-~]([ -~]{0,78}[!-~])?",
        "Must be 1 to 80 printable ASCII characters that begin and end with no blank.",
        options=OPTIONS,
    )
    payees: AchPayees
    payee_rules: EntryRules
    retry_rules: AchRetryRules
    cutoffs: CutoffSchedule
    mailbox: AchMailbox
    corrections: AccountState
    reversals: AchReversals

    def __init__(
        self,
        kit: Kit,
        settings: AchSettings,
        outgoing: Folder | None = None,
        incoming: Folder | None = None,
    ) -> None:
        """Build it; `outgoing` and `incoming` replace the folders of the settings, in tests."""
        self._outgoing = outgoing or BankFolder(settings.outgoing)
        self._incoming = incoming or BankFolder(settings.incoming)
        self._prenoting = settings.prenotes
        self.currencies: Mapping[str, CurrencyRule] = {"USD": CurrencyRule(2, settings.most)}
        self.batch_size = min(kit.settings.batch_size, settings.batch_size, LARGEST_FILE)
        self.configured = kit.vault.is_open
        self.longest_call = max(self.longest_call, settings.attempt)
        self.description = f"ACH files to {settings.outgoing.shown}"
        self.environment = Environment.SIMULATED if settings.rehearsal else Environment.LIVE
        self.payees = AchPayees(kit.vault, kit.state)
        self.payee_rules = EntryRules(settings)
        self.retry_rules = AchRetryRules(self.name, kit.clock)
        self.cutoffs = CutoffSchedule(settings)
        self._file_state = FileState(kit.state)
        traces = Traces(kit.state, settings.odfi, kit.clock)
        updates = EntryUpdateState(kit.state)
        incoming_state = IncomingState(kit.state, self.name)
        prenotes = PrenoteState(kit.state)
        self._accounts = AccountState(kit.state)
        contents = Contents(kit.vault, settings.pgp_key_file)
        self._files = Files(kit.state, settings, traces, self.payees, contents, kit.clock)
        self._uploads = Uploads(
            self._outgoing, self._file_state, contents, settings.attempt, kit.clock
        )
        self._prenotes = Prenotes(
            settings, prenotes, self._files, self._file_state, self._uploads, kit.clock
        )
        self._reports = Reports(
            self._file_state, updates, incoming_state, traces, self.cutoffs, kit.clock
        )
        self.batch_key = self._prenotes if settings.prenotes else None
        self.corrections = self._accounts
        self.reversals = AchReversals(
            *(ReversalState(kit.state), self._files, self._file_state, self._uploads, updates),
            *(incoming_state, traces, self.cutoffs, kit.clock),
        )
        matcher = AchMatcher(
            *(traces, self._file_state, updates, self._accounts, self.payees, prenotes, kit.clock)
        )
        self.mailbox = AchMailbox(
            self._incoming,
            incoming_state,
            BankFileReader(matcher),
            _incoming_rules(settings),
            self.payees,
            self.reversals,
            kit.clock,
        )

    @classmethod
    def build(cls, kit: Kit) -> Ach:
        """Build ACH from the settings. Raises SettingsError."""
        service = kit.settings
        return cls(kit, service.variables.load(AchSettings, timeout=service.provider_timeout))

    def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
        """Make the batch's file, once, and upload it, once."""
        with store_errors_as(OutcomeUnknown):
            self.payees.check_open()
            made = self._file_state.decision(batch.batch_id) or self._decided(
                batch.batch_id, members
            )
            if isinstance(made, FilePlan):
                return self._uploads.deliver(batch.batch_id, made)
            if isinstance(made, Refused) and made.code == CORRECTED:
                return Withdrawn(CORRECTED)
            return made

    def fetch(self, batch: Batch) -> list[ItemReport]:
        """Report on each payment of a batch, from the stored state of its file."""
        with store_errors_as(NotSent):
            confirmed_at = batch.accepted_at if batch.decision else None
            return self._reports.of_batch(batch.batch_id, confirmed_at)

    def cancel(self, provider_item_id: str) -> ItemReport:
        """Report on a payment; a credit that the bank has cannot be cancelled."""
        with store_errors_as(NotSent):
            return self._reports.of_entry(provider_item_id)

    @staticmethod
    def explain(text: str) -> Explanation | None:
        """Return what a bank's return code or the state of a file means, and what to do."""
        from paymentapp.providers.ach.explanations import explain_return

        return explain_return(text)

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
        """Do nothing: no connection is open between calls."""

    def _decided(self, batch_id: str, members: Sequence[Member]) -> FilePlan | Refused | Postponed:
        """Decide on the batch's file, for good and for all processes, unless it is postponed."""
        stopped = self._stopped(batch_id, members)
        if isinstance(stopped, Postponed):
            return stopped
        return self._file_state.decide(batch_id, stopped or self._files.make(batch_id, members))

    def _stopped(self, batch_id: str, members: Sequence[Member]) -> Refused | Postponed | None:
        """Return what keeps a batch from being sent now; None where nothing does.

        Members whose details the bank has corrected since go out in another batch (NACHA Operating
        Rules (2013), Subsection 2.6.2 forbids to use the old ones after a prenote).
        """
        destinations = [member.destination or "" for member in members]
        known = {each: self._accounts.find(each) for each in destinations}
        replaced = [each for each, found in known.items() if found.corrected or found.sealed]
        if any(self._accounts.current(each) != each for each in replaced):
            return Refused(CORRECTED)
        blocked = {n: known[each].blocked for n, each in enumerate(destinations)}
        errors = {n: f"not sent, {return_text(code)}" for n, code in blocked.items() if code}
        if errors:
            return Refused(BLOCKED, errors)
        return self._prenotes.settled(batch_id, members) if self._prenoting else None


def _incoming_rules(settings: AchSettings) -> IncomingRules:
    """Return which files of the bank's are read, and how they are opened."""
    keys = IncomingPgp(
        settings.pgp_own_key_file, settings.pgp_own_key_password, settings.pgp_bank_key_file
    )
    return IncomingRules(settings.incoming_megabytes * 1_000_000, settings.incoming_ignored, keys)
