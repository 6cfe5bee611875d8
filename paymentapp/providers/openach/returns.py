"""Returns of OpenACH's payments, from the files of the originator's bank.

OpenACH tells no trace number, and no id of ours is in its entries. So a return is matched by
account, amount and time, and counts where exactly one payment fits; else an operator decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from paymentapp.banking import ReturnKind, return_reason
from paymentapp.clock import Clock
from paymentapp.errors import Misconfigured
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.nacha import Acknowledgment, NotificationOfChange, Return
from paymentapp.providers.bank_mail.event_records import entry_details, event_record, unmatched
from paymentapp.providers.bank_mail.folders import Folder
from paymentapp.providers.bank_mail.incoming_state import IncomingState
from paymentapp.providers.bank_mail.mailbox import BankMailbox, IncomingRules
from paymentapp.providers.bank_mail.oddities import oddities
from paymentapp.providers.bank_mail.reading import (
    BankFileReader,
    EntryMatcher,
    bare_account,
    is_debit_return,
)
from paymentapp.providers.openach.orders import OpenAchOrder, Orders, SentPayments, local_date
from paymentapp.providers.openach.outcomes import OpenAchOutcomes, return_words
from paymentapp.providers.openach.tables import PICKED_UP_WITHIN
from paymentapp.providers.updates import (
    BlockedPayee,
    Delivery,
    ItemReport,
    Recorded,
    Unmatched,
    UnreadFile,
    WebhookNews,
)

LARGEST = 10_000_000  # bytes of a file
# From a schedule's first date: until its last run, and then until a consumer's bank may return an
# entry that was not authorized (NACHA Operating Rules (2013), Subsection 3.13.1: 60 days).
_RETURNED_WITHIN = PICKED_UP_WITHIN + timedelta(days=65)
_BY_ACCOUNT = "matched by account and amount: the entry names no payment of ours"


class OpenAchMatcher(EntryMatcher):
    """Finds the one payment that went to the account of a return, with its amount."""

    def __init__(
        self, orders: Orders, sent: SentPayments, outcomes: OpenAchOutcomes, clock: Clock
    ) -> None:
        self._orders = orders
        self._sent = sent
        self._outcomes = outcomes
        self._clock = clock

    def read_return(self, each: Return, settled: str) -> dict[str, Any]:
        """Read a return; where it counts, it is recorded before its event is."""
        whose = f"{each.individual_id.strip()}/{each.amount}"
        record = event_record("return", each.trace, each.original_trace, each.code, settled, whose)
        details = entry_details(each.individual_id, each.amount, each.transaction_code)
        if each.reason.kind in (ReturnKind.DISHONORED, ReturnKind.CONTESTED):
            why = f"a {each.reason.kind} return, which moves no payment by itself"
            return record | unmatched(why, details)
        if is_debit_return(each):
            return record | unmatched("it returns a debit, and a credit was sent", details)
        fitting = dict(self._fitting(each))
        if len(fitting) != 1:
            return record | _undecided(sorted(fitting), details)
        ((item_id, destination),) = fitting.items()
        schedule_id = self._outcomes.entered_schedule(item_id)
        if schedule_id is None:
            why = "one payment fits, and no nightly run is known to have made an entry of it"
            return record | unmatched(why, details, item_id)
        self._outcomes.record(item_id, Status.RETURNED, each.code)
        return record | {
            "item": item_id,
            "schedule": schedule_id,
            "receiver": destination,
            "amount": str(each.amount),
            "finding": "; ".join([_BY_ACCOUNT, *oddities(each)]),
        }

    def read_change(self, change: NotificationOfChange, settled: str) -> dict[str, Any]:
        """Read a notification of change: an operator puts the details that are right."""
        code = change.correction.code
        about = change.trace, change.original_trace, code, settled
        record = event_record("change", *about, change.individual_id.strip())
        why = f"a notification of change ({code} {change.correction.title})"
        return record | unmatched(why, entry_details(change.individual_id))

    def read_acknowledgment(self, ack: Acknowledgment, settled: str) -> dict[str, Any]:
        """Read an acknowledgment: nothing follows from it."""
        return event_record("acknowledgment", ack.trace, ack.original_trace, "ACK", settled)

    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        """Record what an operator says of a payment. Raises Conflict, StoreUnavailable."""
        return self._outcomes.record(payment.key.item_id, status, code)

    def _fitting(self, each: Return) -> Iterator[tuple[str, str]]:
        """Yield the payments that a return may be of, each with its destination."""
        if each.amount is None:
            return
        today = local_date(self._clock())
        found = self._sent.find(today - _RETURNED_WITHIN, today, each.amount, each.account)
        for item_id, destination in found.items():
            try:
                order = self._orders.of_item(item_id)
            except Misconfigured:  # no key here opens it: it may be the one
                yield item_id, destination
                continue
            if order is not None and _is_to(order, each):
                yield item_id, destination


class OpenAchMailbox(BankMailbox):
    """The bank's return files where a folder is set, and what operators record."""

    def __init__(
        self,
        folder: Folder | None,
        incoming: IncomingState,
        reader: BankFileReader,
        clock: Clock,
    ) -> None:
        self.fetches = folder is not None
        super().__init__(
            folder or _NoFolder(), incoming, reader, IncomingRules(LARGEST, (), _AsItIs()), clock
        )

    def collect(self) -> Iterator[Delivery]:
        """Yield what every file tells. Raises NotSent, Misconfigured."""
        return super().collect() if self.fetches else iter(())

    def unread(self) -> list[UnreadFile]:
        """Return the files that two polls have found unread. Raises StoreUnavailable."""
        return super().unread() if self.fetches else []

    @staticmethod
    def read_update(record: Mapping[str, Any]) -> WebhookNews:
        """Read the record of a body."""
        code = str(record["code"])
        kind = f"{record['kind']} {code}".strip()
        if "item" not in record:
            return WebhookNews(str(record["id"]), kind, unmatched=_unmatched(record, code))
        item = ItemReport(
            item_id=record["item"],
            status=Status.RETURNED,
            raw_status=code,
            reason=return_words(code),
            money=Money(Decimal(record["amount"]), "USD"),
            receiver=record["receiver"],
        )
        reason = return_reason(code)
        blocked = BlockedPayee(f"{code} {reason.words}") if reason.stop_using else None
        return WebhookNews(
            str(record["id"]),
            kind,
            item=item,
            reference=record["schedule"],
            finding=record["finding"],
            blocked=blocked,
        )


class _NoFolder:
    """A folder that is not set; it is never opened."""

    def open(self) -> Any:
        raise NotImplementedError


class _AsItIs:
    """Opens files that are not encrypted."""

    def opened(self, data: bytes) -> bytes:
        return data


def _undecided(item_ids: list[str], details: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a return that nothing or several payments fit."""
    if not item_ids:
        why = "no payment by this method went to its account with its amount"
        return unmatched(why, details)
    why = f"{len(item_ids)} payments fit its account and amount"
    return unmatched(why, {**details, "payments": ", ".join(item_ids[:10])})


def _unmatched(record: Mapping[str, Any], code: str) -> Unmatched | None:
    if "unmatched" not in record:
        return None
    details = {"trace number": str(record["trace"])} | dict(record["details"])
    if record["kind"] == "return":
        details["reason"] = return_words(code)
    return Unmatched(record["unmatched"], details)


def _is_to(order: OpenAchOrder, each: Return) -> bool:
    sent = order.part("external_account_")
    account = bare_account(sent["external_account_number"]) == bare_account(each.account)
    bank = each.original_rdfi.strip() in ("", sent["external_account_dfi_id"][:8])
    return account and bank and order.amount == each.amount
