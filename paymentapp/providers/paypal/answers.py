"""Parsing of PayPal's answers: any field may be missing, and nothing is inferred beyond the text.

The shapes are those of PayPal's API description,
https://developer.paypal.com/api/payments.payouts-batch/v1/
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown, ProviderError
from paymentapp.models.batches import Batch, Member
from paymentapp.models.money import CURRENCY_PATTERN, Money
from paymentapp.models.payments import Status
from paymentapp.models.settled import NOT_SETTLED, Exchange, Settled
from paymentapp.providers.base import Accepted, ErrorKind, Refused
from paymentapp.providers.http import Answer
from paymentapp.providers.json_answers import as_text, dig, elements, matching, maybe_moment
from paymentapp.providers.paypal.recipients import is_destination
from paymentapp.providers.paypal.tables import (
    BATCH_STATUS,
    ERRORS,
    ERRORS_BY_STATUS,
    ITEM_ERRORS,
    TRANSACTION_STATUS,
)
from paymentapp.providers.updates import ItemReport

log = logging.getLogger(__name__)

PAYOUTS = "/v1/payments/payouts"
_REASON_LENGTH = 200
_WORDS_LENGTH = 120  # of PayPal's words in an error
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_CURRENCY = re.compile(CURRENCY_PATTERN)
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?|\.[0-9]{1,12}")
_AMOUNT = re.compile(r"-?[0-9]{0,20}(\.[0-9]{1,10})?(?<=[0-9])")
_DEBUG_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_LINK = re.compile(rf"{PAYOUTS}/({_ID.pattern})/?")
# A word of PayPal's own; no address, number, account or token is one.
_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z_']{0,29}[.,:;!?]?")
# `details[].field`: "items[1].receiver", or the JSON pointer "/items/1/receiver".
_ITEM_FIELD = re.compile(r"\bitems[\[/.]([0-9]{1,5})(?![0-9])(.*)", re.DOTALL)
# The fields of a request that come from our settings, unless the payment or its payee has them.
_OUR_FIELD = re.compile(
    r"(?i)sender_batch_header|email_subject|(recipient_type|notification_language)|(\bnote\b)"
)


@dataclass(frozen=True, slots=True)
class PayPalProblem:
    """An answer that is not 2xx, read as the description's `error` schema as far as it matches."""

    status: int
    name: str  # PayPal's, or HTTP_<status> where the body has none
    details: Sequence[object]
    debug_id: str
    retry_after: int | None
    words: str = ""  # PayPal's own, plain words only: for logs and records

    @property
    def is_about_batch_id(self) -> bool:
        """Whether the error concerns the batch's id, so that PayPal may already have the batch.

        Today it is 400 USER_BUSINESS_ERROR, field SENDER_BATCH_ID, issue "Batch with given
        sender_batch_id already exists"; earlier it was "Duplicate batch request". So the issue's
        text is not compared, and a link to a batch counts under any name.
        """
        fields = (str(dig(each, "field")).lower() for each in self.details)
        named = self.name == "USER_BUSINESS_ERROR" or any("sender_batch_id" in f for f in fields)
        return named or bool(linked_batches(self))

    def kind(self, *, moves_money: bool) -> ErrorKind:
        """Return how the error is classified.

        For a call that moves money, a 5xx may have been acted on, whatever its name, and an unknown
        name proves nothing. Any other call can simply be retried.
        """
        if not moves_money:
            return ERRORS_BY_STATUS.get(self.status, NotSent)
        known = ERRORS.get(self.name) or ERRORS_BY_STATUS.get(self.status)
        return known if known and 400 <= self.status < 500 else OutcomeUnknown

    def error(self, kind: ErrorKind, reason: str = "") -> ProviderError:
        """Return the exception of that kind; only `submit` returns a refusal as a value.

        `reason` is what follows from the answer, in our words.
        """
        raised = Misconfigured if issubclass(kind, Refused) else kind
        where = f"HTTP {self.status}, PayPal debug id {self.debug_id or 'none'}"
        words = f'"{self.words}"' if self.words else ""
        text = " ".join(part for part in (reason and f"{reason};", words, f"({where})") if part)
        log.warning("PayPal answered %s %s, treated as %s", self.name, text, raised.__name__)
        return raised(self.name, text, self.retry_after)


def read_problem(answer: Answer, now: datetime) -> PayPalProblem:
    """Parse an error. Of its texts, only names and ids are passed on to logs and exceptions."""
    body = answer.json()
    name = matching(_NAME, dig(body, "name")) or matching(_NAME, dig(body, "error"))
    debug_id = matching(_DEBUG_ID, answer.headers.get("PayPal-Debug-Id"))
    return PayPalProblem(
        status=answer.status,
        name=name or f"HTTP_{answer.status}",
        details=elements(dig(body, "details")),
        debug_id=debug_id or matching(_DEBUG_ID, dig(body, "debug_id")),
        retry_after=answer.retry_after(now),
        words=_plain_words(body),
    )


def _plain_words(body: object) -> str:
    """Return what PayPal says is wrong, with everything left out that may quote a request."""
    details = elements(dig(body, "details"))
    said = [dig(each, key) for each in details[:1] for key in ("issue", "description")]
    text = next(filter(None, map(as_text, [*said, dig(body, "message")])), "")
    words = [each if _PLAIN_WORD.fullmatch(each) else "…" for each in text[:1000].split()]
    return " ".join(words)[:_WORDS_LENGTH]


def read_accepted(batch: Batch, body: object) -> Accepted:
    """Parse the answer to a create call (`payout`).

    Raises OutcomeUnknown where it names no batch, or another one.
    """
    reference = matching(_ID, dig(body, "batch_header", "payout_batch_id"))
    if not reference:
        raise OutcomeUnknown("UNREADABLE_ANSWER", "accepted, but without a payout_batch_id")
    if sender_batch_id(body) not in {None, batch.batch_id}:
        raise OutcomeUnknown("UNREADABLE_ANSWER", "the answer is about another batch")
    return Accepted(reference)


def read_refused(problem: PayPalProblem, members: Sequence[Member]) -> Refused:
    """Parse the refusal of a batch, with the members whose items PayPal names.

    Raises Misconfigured where it names only fields from our settings: no payment is at fault.
    """
    member_errors: dict[int, str] = {}
    names_settings = False
    for detail in problem.details:
        field = as_text(dig(detail, "field")) or ""
        match = _ITEM_FIELD.search(field)
        member = members[int(match[1])] if match and int(match[1]) < len(members) else None
        if _is_ours(match[2] if match else field, member):
            names_settings = True
        elif match and member is not None:
            issue = as_text(dig(detail, "issue")) or as_text(dig(detail, "description")) or field
            member_errors.setdefault(int(match[1]), _short(f"{problem.name}: {issue}"))
    if names_settings and not member_errors:
        raise problem.error(Misconfigured)
    log.warning(
        "PayPal refused a batch: %s, %d of %d items named (HTTP %d, PayPal debug id %s)",
        *(problem.name, len(member_errors), len(members), problem.status),
        problem.debug_id or "none",
    )
    return Refused(problem.name, member_errors)


def _is_ours(field: str, member: Member | None) -> bool:
    """Return whether a field has what our settings say, and not what is frozen with a payment.

    Only what is frozen may be refused for good: a setting may change between two attempts.
    """
    found = _OUR_FIELD.search(field)
    if found is None or member is None:
        return found is not None
    of_payee = found[1] is not None and is_destination(member.payee)
    return not of_payee and (found[2] is None or member.description is None)


def linked_batches(problem: PayPalProblem) -> set[str]:
    """Return the ids of the payout batches that the details link to.

    The description leaves the link out; PayPal sends `details[].link[].href`. An object or a string
    in its place, and the plural, are accepted too. The link's host is not compared: it is PayPal's
    own even where we call a proxy, and only the id is used, under the host that we call.
    """
    found = set()
    for href in (href for detail in problem.details for href in _hrefs(detail)):
        try:
            match = _LINK.fullmatch(urlsplit(href).path)
        except ValueError:
            continue
        if match:
            found.add(match[1])
    return found


def _hrefs(detail: object) -> Iterator[str]:
    for key in ("link", "links", "href"):
        value = dig(detail, key)
        for each in value if isinstance(value, list) else [value]:
            href = each if isinstance(each, str) else dig(each, "href")
            if isinstance(href, str):
                yield href


def read_items(page: object) -> dict[str, ItemReport]:
    """Parse the items of a page (`payout_batch`), keyed by our item ids; skip those without one."""
    batch_status = as_text(dig(page, "batch_header", "batch_status"))
    reports = (read_item(each, batch_status) for each in elements(dig(page, "items")))
    return {report.item_id: report for report in reports if report}


def read_item(item: object, batch_status: str | None = None) -> ItemReport | None:
    """Parse one item (`payout_batch_items`, `payout_item-2`); None where it has no id of ours."""
    item_id = as_text(dig(item, "payout_item", "sender_item_id"))
    if item_id is None:
        return None
    raw = (as_text(dig(item, "transaction_status")) or "")[:64]
    status = TRANSACTION_STATUS.get(raw)
    reason = _item_reason(dig(item, "errors"))
    unprocessed = BATCH_STATUS.get(batch_status or "")
    if unprocessed and raw in {"", "PENDING", "NEW"}:
        status, raw = unprocessed, raw or f"batch {batch_status}"
        reason = reason or f"batch {batch_status}: it was not processed"
    return ItemReport(
        item_id=item_id,
        status=status,
        raw_status=raw,
        provider_item_id=as_text(dig(item, "payout_item_id")),
        transaction_id=as_text(dig(item, "transaction_id")),
        reason=reason,
        money=read_money(dig(item, "payout_item", "amount"), "currency"),
        receiver=as_text(dig(item, "payout_item", "receiver")),
        settled=_read_settled(item) if status is Status.SUCCEEDED else NOT_SETTLED,
    )


def _read_settled(item: object) -> Settled:
    """Parse when an item was paid, its fee and its conversion; earlier, the fee is an estimate.

    `payout_item_fee`: "The fee, in U.S. dollars", with its currency; `time_processed`: "The date
    and time when this item was last processed"; `payout_currency_conversion`.
    """
    conversion = dig(item, "currency_conversion")
    source = _read_positive(dig(conversion, "from_amount"))
    target = _read_positive(dig(conversion, "to_amount"))
    rate = matching(_RATE, dig(conversion, "exchange_rate"))
    return Settled(
        maybe_moment(dig(item, "time_processed")),
        _read_positive(dig(item, "payout_item_fee")),
        Exchange(source, target, Decimal(rate) if rate else None) if source and target else None,
    )


def _read_positive(amount: object) -> Money | None:
    """Parse an amount that is shown; None where it is negative, or has no code of a currency."""
    money = read_money(amount, "currency")
    shown = money and money.amount >= 0 and _CURRENCY.fullmatch(money.currency)
    return money if shown else None


def read_money(amount: object, currency: str) -> Money | None:
    """Parse an amount and its currency, whose key differs between APIs; None for anything else."""
    value, code = as_text(dig(amount, "value")), as_text(dig(amount, currency))
    if value is None or code is None or not _AMOUNT.fullmatch(value):
        return None
    return Money(Decimal(value), code)


def _item_reason(errors: object) -> str | None:
    """Return "NAME: words" for an item's error, in PayPal's words; None where there is none."""
    first = errors[0] if isinstance(errors, list) and errors else errors
    name = matching(_NAME, dig(first, "name"))
    words = ITEM_ERRORS.get(name) or as_text(dig(first, "message")) or ""
    return _short(": ".join(part for part in (name, words) if part)) or None


def warn_of_unknown(reports: Sequence[ItemReport]) -> None:
    """Log the statuses that are not in the table, in one line."""
    raw = {report.raw_status for report in reports if report.status is None}
    if raw:
        names = ", ".join(sorted(matching(_NAME, each) or "(unreadable)" for each in raw))
        log.warning("PayPal reported a status that the table does not know: %s", names)


def sender_batch_id(body: object) -> str | None:
    """Return our id of the batch, as PayPal echoes it."""
    return as_text(dig(body, "batch_header", "sender_batch_header", "sender_batch_id"))


def _short(reason: str) -> str:
    """Return the reason on one line, cut to the length that a payment's record allows."""
    return " ".join(reason.split())[:_REASON_LENGTH]
