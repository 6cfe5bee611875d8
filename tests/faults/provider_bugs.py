"""Seeded bugs of providers, each a variant of one step of a provider or of its callers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from paymentapp.errors import Misconfigured, OutcomeUnknown
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.payments import Payment, Status
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.nacha import Return
from paymentapp.providers.ach import file_state
from paymentapp.providers.ach.account_state import AccountState
from paymentapp.providers.ach.bank_files import AchMatcher, Matched
from paymentapp.providers.ach.file_state import FilePlan, UploadProgress, UploadStep
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.ach.upload import Uploads
from paymentapp.providers.bank_mail.incoming_state import IncomingState
from paymentapp.providers.bank_mail.oddities import oddities
from paymentapp.providers.base import Refused
from paymentapp.providers.store_errors import store_errors_as
from paymentapp.providers.stripe.answers import StripeProblem, read_transfer, smallest_units
from paymentapp.providers.stripe.api import StripeApi
from paymentapp.providers.stripe.orders import TransferOrder
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.providers.updates import Delivery
from paymentapp.services.inbound import inbox
from paymentapp.services.inbound.inbox import Inbox
from paymentapp.services.inbound.mailboxes import MailboxCollector


class FreshKey(Stripe):
    """Sends every attempt under a key of its own."""

    def _transfer(self, batch: Batch, order: TransferOrder) -> Any:
        if batch.attempts:
            order = order._replace(batch_id=f"{batch.batch_id}-{batch.attempts}")
        return super()._transfer(batch, order)


class NeverLate(Stripe):
    """Reuses a key however old it is, without searching for its transfer."""

    def _is_late(self, batch: Batch) -> bool:  # noqa: ARG002
        return False


class KeptFailureAsksAnew(StripeApi):
    """Retries a 500 that Stripe has stored under another key."""

    def create_transfer(self, order: TransferOrder) -> Any:
        answer = super().create_transfer(order)
        if not (isinstance(answer, StripeProblem) and answer.is_kept_failure):
            return answer
        params: Any = {
            "amount": smallest_units(order.money),
            "currency": order.money.currency.lower(),
            "destination": order.destination.account,
            "transfer_group": order.batch_id,
            "metadata": order.own_metadata,
        }
        options: Any = {"idempotency_key": f"{order.batch_id}-2"}
        again = self._call(
            lambda client: client.v1.transfers.create(params=params, options=options),
            moves_money=True,
        )
        return again if isinstance(again, StripeProblem) else read_transfer(again.body)


class EmptyBalanceIsARefusal(Stripe):
    """Treats a balance that is too low today as a refusal for ever."""

    def _refused(self, batch: Batch, order: TransferOrder, problem: StripeProblem) -> Any:
        if problem.is_insufficient_funds:
            return Refused(problem.code)
        return super()._refused(batch, order, problem)

    def _transfer(self, batch: Batch, order: TransferOrder) -> Any:
        try:
            return super()._transfer(batch, order)
        except Misconfigured as error:
            return Refused(error.code)


class UploadUnfenced(Uploads):
    """Uploads without the fence, also where another attempt may have delivered."""

    def deliver(self, file_id: str, plan: FilePlan) -> Any:
        seen = self._file_state.progress(file_id, self._clock())
        if seen.step in (UploadStep.WRITING, UploadStep.DELIVERING):
            return self._try(file_id, plan, seen)
        return super().deliver(file_id, plan)


class RenderAgain(Ach):
    """Generates the file again for each attempt, with new trace numbers."""

    def submit(self, batch: Batch, members: Sequence[Member]) -> Any:
        state = self._file_state._state
        with store_errors_as(OutcomeUnknown):
            old = state.get_state_entry(file_state._file(batch.batch_id))
            if old is not None:
                made = self._files.make(batch.batch_id, members)
                state.change_state_entry(old, old.changed(file_state._text(made)))
        return super().submit(batch, members)


class NotThereIsTaken(Uploads):
    """Assumes that the bank has taken a file that is not in the folder."""

    def _doubtful(self, plan: FilePlan, seen: UploadProgress, why: str) -> Any:  # noqa: ARG002
        return self._uploaded(seen.entry.name.removeprefix("ach/upload/"), plan)


def closed_is_over(inbox: Inbox, event: ProviderEvent, payment: Payment, status: Status) -> Any:
    """Apply an event about a closed batch without a poll."""
    batch = inbox._store.get_batch(payment.batch_id or "")
    if batch is not None and batch.state is BatchState.CLOSED:
        return _LOOKED_INTO
    return _confirm(inbox, event, payment, status)


def put_away_first(collector: MailboxCollector, name: str, delivery: Delivery) -> int:
    """Put a delivery away before its events are stored."""
    collector._mailboxes[name].put_away(delivery)
    return _take_in(collector, name, delivery)


def polled_as_if_read(incoming: IncomingState, at: datetime, unread: Any) -> None:  # noqa: ARG001
    """Take the whole folder for read, whatever lies in it unread."""
    _polled(incoming, at, {})


def only_as_it_should_be(reader: AchMatcher, matched: Matched, each: Return) -> Any:
    """Drop a return that is a little off."""
    if matched.finding or list(oddities(each)):
        return {"unmatched": "it is not as it should be"}
    return _returned(reader, matched, each)


def as_it_was(_accounts: AccountState, destination: str) -> str:
    """Pay an account as it was, whatever the bank has corrected since."""
    return destination


_polled, _returned = IncomingState.polled, AchMatcher._returned
_confirm, _take_in = Inbox._confirm, MailboxCollector._take_in
_LOOKED_INTO = inbox._Result(ProviderEventState.APPLIED)
