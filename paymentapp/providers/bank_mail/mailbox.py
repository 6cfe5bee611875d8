"""Turns the bank's files in the incoming folder into events.

The id of an event is a digest of the bank's entry, so that a file that comes twice, or under
another name, makes no new event. What cannot be read is on record and listed for an operator.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from decimal import InvalidOperation
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Protocol

from paymentapp.clock import Clock, from_text, to_text
from paymentapp.errors import NotGenuine, NotSent
from paymentapp.masking import printable
from paymentapp.models.payments import Payment, Status
from paymentapp.nacha import Completeness
from paymentapp.providers.bank_mail.errors import BrokenFile
from paymentapp.providers.bank_mail.folders import Folder, FolderError, Session, not_sent
from paymentapp.providers.bank_mail.incoming_state import (
    IncomingState,
    UnreadRecord,
    is_unfetched,
    unfetched_key,
)
from paymentapp.providers.bank_mail.reading import BankFile, BankFileReader
from paymentapp.providers.store_errors import store_errors_as
from paymentapp.providers.updates import Delivery, Recorded, UnreadFile, WebhookNews

log = logging.getLogger(__name__)

DONE = "done"
_UNFINISHED = re.compile(r"\..*|.*\.(part|partial|filepart|tmp|temp|writing)", re.IGNORECASE)


class Opener(Protocol):
    """Opens files that are encrypted or signed."""

    def opened(self, data: bytes) -> bytes:
        """Return a file's plain content. Raises BrokenFile, Misconfigured."""


class IncomingRules(NamedTuple):
    """Which files of the incoming folder are read, and how."""

    largest: int  # bytes; a larger one is not read
    ignored: Sequence[str]  # patterns of names
    pgp: Opener


class _Found(NamedTuple):
    """What a poll found of one file: what it delivers, and what is unread of it."""

    delivery: Delivery | None = None
    unread: UnreadRecord | None = None


class BankMailbox(ABC):
    """Reads the incoming folder; reading a file twice is idempotent."""

    fetches = True

    def __init__(
        self,
        folder: Folder,
        incoming: IncomingState,
        reader: BankFileReader,
        rules: IncomingRules,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._incoming = incoming
        self._reader = reader
        self._rules = rules
        self._clock = clock

    def collect(self) -> Iterator[Delivery]:
        """Yield what every file tells that is not put away, by name.

        A file that cannot be read stays, and holds up no other; what can be read of it is
        delivered. Raises NotSent, Misconfigured.
        """
        with store_errors_as(NotSent):
            try:
                with self._folder.open() as session:
                    yield from self._deliveries(session)
            except FolderError as error:
                raise not_sent(error) from None

    def put_away(self, delivery: Delivery) -> None:
        """Move the file to `done/`; record its digest where files cannot be renamed."""
        key, _, name = delivery.name.partition(" ")
        try:
            with self._folder.open() as session:
                if session.renames:
                    self._move(session, key, name)
                    return
        except FolderError as error:
            if error.missing:
                return  # another process has put it away
            log.warning("bank file %s not moved to %s/: %s", printable(name), DONE, error.code)
        with store_errors_as(NotSent):
            self._incoming.read(key, name)

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Read a body that `collect` made. Raises NotGenuine for any other."""
        try:
            return self.read_update(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
            raise NotGenuine("not a body that this service has made") from error

    @staticmethod
    @abstractmethod
    def read_update(record: Mapping[str, Any]) -> WebhookNews:
        """Read the record of a body.

        Raises KeyError, TypeError or ArithmeticError for any other.
        """

    def unread(self) -> list[UnreadFile]:
        """Return the files that two polls have found unread. Raises StoreUnavailable."""
        return [
            UnreadFile(each.file_id, name, each.size, from_text(each.since), each.reason)
            for name, each in self._incoming.unread().items()
            if each.is_steady
        ]

    def set_aside(self, file_id: str, note: str) -> bool:
        """Record that an operator has dealt with a file: the next poll puts it away."""
        for each in self._incoming.unread().values():
            if each.file_id == file_id:
                self._incoming.set_aside(each.key, note)
                return True
        return False

    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        """Record what an operator says of a payment. Raises Conflict, StoreUnavailable."""
        return self._reader.record(payment, status, code)

    def _deliveries(self, session: Session) -> Iterator[Delivery]:
        began = self._clock()
        before = self._incoming.unread()
        unread = {}
        for name, size in sorted(session.sizes().items()):
            if self._is_read(name):
                found = self._find(session, name, size, before.get(name))
                if found.delivery is not None:
                    yield found.delivery
                if found.unread is not None:
                    unread[name] = found.unread
        self._incoming.polled(began, unread)

    def _is_read(self, name: str) -> bool:
        ignored = any(fnmatchcase(name.lower(), pattern) for pattern in self._rules.ignored)
        return not ignored and _UNFINISHED.fullmatch(name) is None

    def _find(self, session: Session, name: str, size: int, before: UnreadRecord | None) -> _Found:
        """Read a file, unless it is too large, is growing, was read before or cannot be fetched."""
        key = unfetched_key(name, size)
        if self._incoming.is_set_aside(key):
            return _Found(_nothing(key, name))
        if size > self._rules.largest:
            limit = f"more than the {self._rules.largest} that are read"
            return self._unread(
                name, UnreadRecord(key, size, "", f"it has {size} bytes, {limit}"), before
            )
        try:
            data = session.read(name, self._rules.largest)
            now = session.sizes().get(name)
        except FolderError as error:
            if error.missing:
                return _Found()
            why = f"it cannot be fetched: {error.code}"
            return self._unread(name, UnreadRecord(key, size, "", why), before)
        if now is None:
            return _Found()  # it was taken away meanwhile, by another process of ours for example
        if not size == len(data) == now:
            growing = UnreadRecord(unfetched_key(name, now), now, "", "it is being written")
            return self._unread(name, growing, before)
        return self._contents(session, name, data, before)

    def _contents(
        self, session: Session, name: str, data: bytes, before: UnreadRecord | None
    ) -> _Found:
        key = hashlib.sha256(data).hexdigest()
        if self._incoming.is_done(key):
            aside = session.renames and self._incoming.is_set_aside(key)
            return _Found(_nothing(key, name) if aside else None)
        if before is not None and before.key == key and before.is_steady:
            return _Found(unread=before)  # what can be read of it is on record
        try:
            file = self._reader.read(self._rules.pgp.opened(data))
        except BrokenFile as error:
            return self._unread(name, UnreadRecord(key, len(data), "", str(error)), before)
        if self._is_whole(file, key, before):
            if file.findings:
                log.warning("bank file %s breaks rules: %s", printable(name), file.findings)
            return _Found(Delivery(f"{key} {name}", file.bodies))
        found = self._unread(name, UnreadRecord(key, len(data), "", file.problem), before)
        return found._replace(delivery=Delivery(f"{key} {name}", file.bodies, complete=False))

    def _is_whole(self, file: BankFile, key: str, before: UnreadRecord | None) -> bool:
        """Return whether a file is to be put away.

        One without any control record is, once a second poll has found it the same.
        """
        if file.completeness is Completeness.UNVERIFIED:
            return before is not None and before.key == key
        return file.completeness is Completeness.COMPLETE

    def _unread(self, name: str, record: UnreadRecord, before: UnreadRecord | None) -> _Found:
        """Keep a file as unread; logged once, when a second poll finds it the same."""
        found = record.found_at(to_text(self._clock())).after(before)
        if found.is_steady and not (before and before.is_steady and before.key == found.key):
            log.error(
                "bank file %s not read: %s; until it is, no payment of this bank succeeds by "
                "waiting; see `paymentapp inbox show %s`",
                *(printable(name), found.reason, found.file_id),
            )
        return _Found(unread=found)

    def _move(self, session: Session, key: str, name: str) -> None:
        """Move a file to `done/` if it is the one that was read.

        A bank that reuses a name may have put another file in its place. So the file gets a name
        of its own in the folder first, and is read again under that name. Another file stays in
        the folder for the next poll, also where this fails or ends halfway.
        """
        own = _named_by(key, name)
        if own != name:
            session.rename(name, own)
        if is_unfetched(key):  # an operator has dealt with it, whatever is in it
            session.put_into(DONE, own, own)
            return
        found = hashlib.sha256(session.read(own, self._rules.largest)).hexdigest()
        if found == key:
            session.put_into(DONE, own, own)
        else:
            session.rename(own, _named_by(found, name))


def _named_by(key: str, name: str) -> str:
    """Return a file's name with the beginning of its key in front."""
    prefix = f"{key[:8]}-"
    return name if name.startswith(prefix) else f"{prefix}{name}"


def _nothing(key: str, name: str) -> Delivery:
    """Return a delivery by which a file is put away."""
    return Delivery(f"{key} {name}", [])
