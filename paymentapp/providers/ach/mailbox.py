"""What comes back from the bank: files in the incoming folder become events.

An event's id is made of what the bank's entry says, so that a file that comes twice, or under
another name, tells nothing new. Its body holds no account number: a corrected account is sealed.
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
from paymentapp.providers.ach.entry_news import EntryNewsState, words
from paymentapp.providers.ach.file_state import FilePlan, FileState
from paymentapp.providers.ach.folders import Folder, FolderError, Session, not_sent
from paymentapp.providers.ach.payees import AchPayees, Payee
from paymentapp.providers.ach.prenote_state import PrenoteState, is_prenote
from paymentapp.providers.ach.reports import ACKNOWLEDGED
from paymentapp.providers.ach.store_errors import store_errors_as
from paymentapp.providers.ach.trace_numbers import Target, Traces
from paymentapp.providers.base import (
    Correction,
    Delivery,
    ItemReport,
    WebhookNews,
)

log = logging.getLogger(__name__)

DONE = "done"
_UNFINISHED = re.compile(r"\..*|.*\.(part|partial|filepart|tmp|temp|writing)", re.IGNORECASE)
# A file that breaks one of these was cut off, or changed: what it lacks may be a return.
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


class Broken(Exception):
    """A file that is not read; the message says why, and quotes nothing of it."""


class AchMailbox:
    """Reads the incoming folder. What is read twice does no harm."""

    def __init__(
        self,
        folder: Folder,
        state: ProviderState,
        traces: Traces,
        files: FileState,
        news: EntryNewsState,
        payees: AchPayees,
        prenotes: PrenoteState,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._state = state
        self._traces = traces
        self._files = files
        self._news = news
        self._payees = payees
        self._prenotes = prenotes
        self._clock = clock
        # Broken files: their sizes, and how often each was found like that.
        self._told: dict[str, tuple[int | None, int]] = {}

    def collect(self) -> Iterator[Delivery]:
        """Every whole file that has not been put away, by name. A broken one stays, and holds up
        no other. Raises NotSent, Misconfigured."""
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
        """Move the file to `done/`; where that cannot be done in one step, note what was in it.

        What was moved is looked at again: a bank that uses a name twice may have put another file
        in its place, and that one has not been read.
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
            log.warning("file %s from the bank could not be moved: %s", name, error.code)
        with store_errors_as(NotSent):
            self._state.add_state_entry(StateEntry.new(_read_name(digest), name))

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Read a body that `collect` made. Raises NotGenuine where it is none."""
        try:
            return _news(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
            raise NotGenuine("not a body of this service's own") from error

    def _delivery(self, session: Session, name: str) -> Delivery | None:
        """What a file tells; None where it is not read, now or again. Broken files are told of
        once, and only when they have stopped to grow."""
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
        except Broken as error:
            self._complain(name, size, str(error))
        return None

    def _complain(self, name: str, size: int | None, why: str) -> None:
        """An error the second time that the file is found like this, and then no more."""
        seen = self._told.get(name, (None, 0))
        times = seen[1] + 1 if seen[0] == size else 1
        self._told[name] = (size, times)
        level = logging.ERROR if times == 2 else logging.DEBUG
        log.log(level, "file %s from the bank is not read: %s", name, why)

    def _bodies(self, name: str, data: bytes) -> Iterator[bytes]:
        try:
            file, findings = read(data)
        except NotNacha as error:
            raise Broken(str(error)) from None
        for finding in findings:
            if finding.rule in _BROKEN:
                raise Broken(f"line {finding.line}: {finding.rule}: {finding.words}")
        if findings:
            rules = sorted({finding.rule.value for finding in findings})
            log.warning("file %s from the bank breaks rules: %s", name, ", ".join(rules))
        for batch in file.batches:
            for record in self._records(batch):
                yield json.dumps(record, separators=(",", ":")).encode()

    def _records(self, batch: NachaBatch) -> Iterator[Mapping[str, Any]]:
        alone = File(None, (batch,))
        header = batch.header
        settled = f"{header.effective_date}/{header.settlement_day}" if header else ""
        for each in returns(alone):
            yield self._return(each, settled)
        for change in changes(alone):
            yield self._change(change, settled)
        for ack in acknowledgments(alone):
            yield self._acknowledgment(ack, settled)

    def _return(self, each: Return, settled: str) -> Mapping[str, Any]:
        """A return is on record before it is told, so that a look confirms it."""
        record = _record("return", each.trace, each.original_trace, each.code, settled)
        target = self._target(each.original_trace)
        reason = each.reason
        if target is None or reason.kind is not ReturnKind.RETURN:
            log.error(
                "the bank sent %s (%s) for %s, which changes nothing: a person has to look",
                each.code, reason.kind, _owner(target),
            )  # fmt: skip
            return record
        if is_prenote(target.batch_id):
            self._prenotes.returned(target.destination, each.code)
            return record | {"item": target.item_id, "note": words(each.code)}
        told = record | _told_of(target) | {"amount": str(each.amount or 0)}
        credit = each.transaction_code in _CREDIT_RETURNS
        if credit and each.amount == target.money.amount:
            self._news.returned(target.batch_id, target.position, each.code)
            self._files.uploaded(target.batch_id, self._clock())  # the bank has spoken of it
            return told
        return told | ({} if credit else {"amount": "0"})

    def _change(self, change: NotificationOfChange, settled: str) -> Mapping[str, Any]:
        """A notification of change: the account as it should be, where that is told and valid."""
        correction = change.correction
        record = _record("change", change.trace, change.original_trace, correction.code, settled)
        target = self._target(change.original_trace)
        if target is None:
            log.error("the bank sent %s for an entry that is not known", correction.code)
            return record
        note = f"{correction.code} {correction.title}".strip()
        if correction.problem:
            return record | {"item": target.item_id, "note": f"{note}: {correction.problem}"}
        customer_id = target.item_id.partition(".")[2]
        try:
            payee = self._payees.open(customer_id, target.destination)
            account = correction.corrected(payee.account)
        except BankDetailError as error:
            return record | {"item": target.item_id, "note": f"{note}: {error}"}
        told = record | {"item": target.item_id, "note": note}
        if account == payee.account:
            return told
        sealed = self._payees.seal(customer_id, Payee(account, payee.entry_class))
        return told | {"destination": sealed}

    def _acknowledgment(self, ack: Acknowledgment, settled: str) -> Mapping[str, Any]:
        record = _record("acknowledgment", ack.trace, ack.original_trace, "ACK", settled)
        target = self._target(ack.original_trace)
        if target is None or is_prenote(target.batch_id):
            return record
        self._news.acknowledged(target.batch_id, target.position)
        self._files.uploaded(target.batch_id, self._clock())  # the bank has spoken of it
        return record | _told_of(target)

    def _target(self, trace: str) -> Target | None:
        """The entry of ours that went out under a trace number: one of a file that was made."""
        target = self._traces.find(trace)
        plan = self._files.made(target.batch_id) if target else None
        if target is None or not isinstance(plan, FilePlan):
            return None
        block = (int(trace[8:]) - 1) // 100
        return target if block in plan.blocks else None


def _record(kind: str, trace: str, original: str, code: str, settled: str) -> dict[str, Any]:
    """What is the same whenever and however the bank says it again."""
    words = "/".join([kind, trace, original, code, settled])
    event_id = hashlib.sha256(words.encode()).hexdigest()[:32]
    return {"id": f"{kind}-{event_id}", "kind": kind, "code": code, "trace": original}


def _told_of(target: Target) -> dict[str, Any]:
    return {
        "item": target.item_id,
        "batch": target.batch_id,
        "amount": str(target.money.amount),
        "receiver": target.destination,
    }


def _owner(target: Target | None) -> str:
    return f"an entry of batch {target.batch_id}" if target else "an entry that is not known"


def _read_name(digest: str) -> str:
    return f"ach/read/{digest}"


def _news(record: Mapping[str, Any]) -> WebhookNews:
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
        reason=words(code) if returned else None,
        money=Money(Decimal(record["amount"]), "USD"),
        receiver=record["receiver"],
    )
    return WebhookNews(event_id, kind, item=item, batch_id=record["batch"])
