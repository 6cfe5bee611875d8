"""Turns the bank's files in the incoming folder into events.

The id of an event is a digest of the bank's entry, so that a file that comes twice, or under
another name, makes no new event. Its body holds no account number: a corrected account is sealed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from paymentapp.banking import BankDetailError, ReturnKind
from paymentapp.clock import Clock
from paymentapp.errors import NotGenuine, NotSent
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.provider_state import ProviderState, StateEntry
from paymentapp.nacha import (
    Acknowledgment,
    File,
    NachaBatch,
    NachaRule,
    NotificationOfChange,
    NotNacha,
    Return,
    acknowledgments,
    changes,
    read,
    returns,
)
from paymentapp.providers.ach.entry_updates import EntryUpdateState, return_text
from paymentapp.providers.ach.file_state import FilePlan, FileState
from paymentapp.providers.ach.folders import Folder, FolderError, Session, not_sent
from paymentapp.providers.ach.payees import AchPayees, Payee
from paymentapp.providers.ach.prenote_state import PrenoteState, is_prenote
from paymentapp.providers.ach.reports import ACKNOWLEDGED
from paymentapp.providers.ach.store_errors import store_errors_as
from paymentapp.providers.ach.trace_numbers import SentEntry, Traces
from paymentapp.providers.base import (
    Correction,
    Delivery,
    ItemReport,
    WebhookNews,
)

log = logging.getLogger(__name__)

DONE = "done"
_UNFINISHED = re.compile(r"\..*|.*\.(part|partial|filepart|tmp|temp|writing)", re.IGNORECASE)
# A file that breaks one of these was cut off or changed: a return may be missing from it.
_BROKEN = frozenset(
    {
        NachaRule.FILE_CONTROL,
        NachaRule.BATCH_CONTROL,
        NachaRule.CONTROL_COUNT,
        NachaRule.CONTROL_HASH,
        NachaRule.CONTROL_TOTAL,
        NachaRule.ORDER,
        NachaRule.LENGTH,
        NachaRule.RECORD_TYPE,
    }
)
_CREDIT_RETURNS = {"21", "31"}  # of a checking account, of a savings account


class BrokenFile(Exception):
    """A file that is not applied; the message says why, and quotes nothing of it."""


class AchMailbox:
    """Reads the incoming folder; reading a file twice is idempotent."""

    def __init__(
        self,
        folder: Folder,
        state: ProviderState,
        traces: Traces,
        file_state: FileState,
        updates: EntryUpdateState,
        payees: AchPayees,
        prenotes: PrenoteState,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._state = state
        self._traces = traces
        self._file_state = file_state
        self._updates = updates
        self._payees = payees
        self._prenotes = prenotes
        self._clock = clock
        # Broken files: the size of each, and how often it was found with that size.
        self._complaints: dict[str, tuple[int | None, int]] = {}

    def collect(self) -> Iterator[Delivery]:
        """Yield every whole file that is not put away, by name.

        A broken file stays, and holds up no other. Raises NotSent, Misconfigured.
        """
        self._payees.check_open()
        with store_errors_as(NotSent):
            try:
                with self._folder.open() as session:
                    yield from self._deliveries(session)
            except FolderError as error:
                raise not_sent(error) from None

    def _deliveries(self, session: Session) -> Iterator[Delivery]:
        for name in sorted(session.sizes()):
            if _UNFINISHED.fullmatch(name) is None:
                delivery = self._delivery(session, name)
                if delivery is not None:
                    yield delivery

    def put_away(self, delivery: Delivery) -> None:
        """Move the file to `done/`; record its digest where files cannot be renamed.

        The moved file is read again: a bank that reuses a name may have put another file in its
        place, which has not been read.
        """
        digest, _, name = delivery.name.partition(" ")
        new = f"{digest[:8]}-{name}"
        try:
            with self._folder.open() as session:
                if session.renames:
                    session.put_into(DONE, name, new)
                    found = hashlib.sha256(session.read(f"{DONE}/{new}")).hexdigest()
                    if found != digest:
                        session.rename(f"{DONE}/{new}", f"{found[:8]}-{name}")
                    return
        except FolderError as error:
            if error.missing:
                return  # another process has put it away
            log.warning("bank file %s not moved to %s/: %s", name, DONE, error.code)
        with store_errors_as(NotSent):
            self._state.add_state_entry(StateEntry.new(_read_name(digest), name))

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Read a body that `collect` made. Raises NotGenuine for any other."""
        try:
            return _update(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
            raise NotGenuine("not a body that this service has made") from error

    def _delivery(self, session: Session, name: str) -> Delivery | None:
        """Read a file; None where it is broken, growing, or was read before."""
        size = None
        try:
            size, data = session.sizes().get(name), session.read(name)
            if size != len(data) or session.sizes().get(name) != size:
                return None  # it is being written, or was taken away
            digest = hashlib.sha256(data).hexdigest()
            if self._state.get_state_entry(_read_name(digest)) is not None:
                return None
            return Delivery(f"{digest} {name}", list(self._bodies(name, data)))
        except FolderError as error:
            self._complain(name, size, error.code)
        except BrokenFile as error:
            self._complain(name, size, str(error))
        return None

    def _complain(self, name: str, size: int | None, why: str) -> None:
        """Log one error, when the file is found the second time with the same size."""
        seen = self._complaints.get(name, (None, 0))
        times = seen[1] + 1 if seen[0] == size else 1
        self._complaints[name] = (size, times)
        level = logging.ERROR if times == 2 else logging.DEBUG
        log.log(level, "bank file %s not read: %s", name, why)

    def _bodies(self, name: str, data: bytes) -> Iterator[bytes]:
        try:
            file, findings = read(data)
        except NotNacha as error:
            raise BrokenFile(str(error)) from None
        for finding in findings:
            if finding.rule in _BROKEN:
                raise BrokenFile(f"line {finding.line}: {finding.rule}: {finding.words}")
        if findings:
            rules = sorted({finding.rule.value for finding in findings})
            log.warning("bank file %s read, but it breaks rules: %s", name, ", ".join(rules))
        for batch in file.batches:
            for record in self._records(batch):
                yield json.dumps(record, separators=(",", ":")).encode()

    def _records(self, batch: NachaBatch) -> Iterator[Mapping[str, Any]]:
        single = File(None, (batch,))
        header = batch.header
        settled = f"{header.effective_date}/{header.settlement_day}" if header else ""
        for each in returns(single):
            yield self._return(each, settled)
        for change in changes(single):
            yield self._change(change, settled)
        for ack in acknowledgments(single):
            yield self._acknowledgment(ack, settled)

    def _return(self, each: Return, settled: str) -> Mapping[str, Any]:
        """Read a return; it is stored before its event is, so that a poll confirms the event."""
        record = _record("return", each.trace, each.original_trace, each.code, settled)
        entry = self._entry(each.original_trace)
        reason = each.reason
        if entry is None or reason.kind is not ReturnKind.RETURN:
            log.error(
                "bank return %s (%s) of %s not applied: an operator has to look into it",
                *(each.code, reason.kind, _described(entry)),
            )
            return record
        if is_prenote(entry.batch_id):
            self._prenotes.returned(entry.destination, each.code)
            return record | {"item": entry.item_id, "note": return_text(each.code)}
        fields = record | _entry_fields(entry) | {"amount": str(each.amount or 0)}
        credit = each.transaction_code in _CREDIT_RETURNS
        if credit and each.amount == entry.money.amount:
            self._updates.add_return(entry.batch_id, entry.position, each.code)
            self._file_state.uploaded(entry.batch_id, self._clock())  # so the bank has the file
            return fields
        return fields | ({} if credit else {"amount": "0"})

    def _change(self, change: NotificationOfChange, settled: str) -> Mapping[str, Any]:
        """Read a notification of change, with the corrected account if it is valid."""
        correction = change.correction
        record = _record("change", change.trace, change.original_trace, correction.code, settled)
        entry = self._entry(change.original_trace)
        if entry is None:
            log.error("bank correction %s of an unknown entry not applied", correction.code)
            return record
        note = f"{correction.code} {correction.title}".strip()
        if correction.problem:
            return record | {"item": entry.item_id, "note": f"{note}: {correction.problem}"}
        customer_id = entry.item_id.partition(".")[2]
        try:
            payee = self._payees.open(customer_id, entry.destination)
            account = correction.corrected(payee.account)
        except BankDetailError as error:
            return record | {"item": entry.item_id, "note": f"{note}: {error}"}
        fields = record | {"item": entry.item_id, "note": note}
        if account == payee.account:
            return fields
        sealed = self._payees.seal(customer_id, Payee(account, payee.entry_class))
        return fields | {"destination": sealed}

    def _acknowledgment(self, ack: Acknowledgment, settled: str) -> Mapping[str, Any]:
        record = _record("acknowledgment", ack.trace, ack.original_trace, "ACK", settled)
        entry = self._entry(ack.original_trace)
        if entry is None or is_prenote(entry.batch_id):
            return record
        self._updates.add_acknowledgment(entry.batch_id, entry.position)
        self._file_state.uploaded(entry.batch_id, self._clock())  # so the bank has the file
        return record | _entry_fields(entry)

    def _entry(self, trace: str) -> SentEntry | None:
        """Return our entry of a trace number, if it is in a file that was made."""
        entry = self._traces.find(trace)
        plan = self._file_state.decision(entry.batch_id) if entry else None
        if entry is None or not isinstance(plan, FilePlan):
            return None
        block = (int(trace[8:]) - 1) // 100
        return entry if block in plan.blocks else None


def _record(kind: str, trace: str, original: str, code: str, settled: str) -> dict[str, Any]:
    """Return the fields of every event; the id is the same whenever the bank repeats the entry."""
    parts = "/".join([kind, trace, original, code, settled])
    event_id = hashlib.sha256(parts.encode()).hexdigest()[:32]
    return {"id": f"{kind}-{event_id}", "kind": kind, "code": code, "trace": original}


def _entry_fields(entry: SentEntry) -> dict[str, Any]:
    return {
        "item": entry.item_id,
        "batch": entry.batch_id,
        "amount": str(entry.money.amount),
        "receiver": entry.destination,
    }


def _described(entry: SentEntry | None) -> str:
    return f"an entry of batch {entry.batch_id}" if entry else "an unknown entry"


def _read_name(digest: str) -> str:
    return f"ach/read/{digest}"


def _update(record: Mapping[str, Any]) -> WebhookNews:
    event_id, code = str(record["id"]), str(record["code"])
    kind = f"{record['kind']} {code}"
    if "note" in record:
        correction = Correction(record["item"], record["note"], record.get("destination"))
        return WebhookNews(event_id, kind, correction=correction)
    if "receiver" not in record:
        return WebhookNews(event_id, kind)
    returned = record["kind"] == "return"
    item = ItemReport(
        item_id=record["item"],
        status=Status.RETURNED if returned else Status.SUBMITTED,
        raw_status=code if returned else ACKNOWLEDGED,
        provider_item_id=record["trace"],
        reason=return_text(code) if returned else None,
        money=Money(Decimal(record["amount"]), "USD"),
        receiver=record["receiver"],
    )
    return WebhookNews(event_id, kind, item=item, batch_id=record["batch"])
