"""Open cases: events and files that could not be applied, and operators' decisions about them.

A decision is stored with the event. It moves the payment as a report of its provider does, and the
provider's own poll reports the same from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import EPOCH, Clock
from paymentapp.errors import Conflict, NotFound, NotGenuine
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status, can_transition
from paymentapp.models.provider_events import (
    EventDecision,
    EventResolution,
    ProviderEvent,
    ProviderEventState,
)
from paymentapp.providers.base import Provider
from paymentapp.providers.registry import NAMES
from paymentapp.providers.updates import ItemReport, Mailbox, WebhookNews
from paymentapp.services.open_items import UnreadMail, open_items, unread_mail
from paymentapp.services.payment_methods import PaymentMethods
from paymentapp.services.settlement import Settlement
from paymentapp.storage.base import Store

RECORDED = "RECORDED"  # stands for the provider's reason where nobody knows it
_KIND_LENGTH = 200
_STATUSES = {
    EventResolution.RETURNED: Status.RETURNED,
    EventResolution.SUCCEEDED: Status.SUCCEEDED,
    EventResolution.FAILED: Status.FAILED,
}


class CaseResolution(NamedTuple):
    """What an operator says of a case, who says it, and why."""

    resolution: EventResolution
    person: str
    note: str
    key: PaymentKey | None = None  # of the payment that it is about
    code: str | None = None  # the provider's reason, where the operator has read it


class OpenCase(NamedTuple):
    """An event or a file, why it was not applied, and what it says; no account number is in it."""

    case_id: str
    provider: str
    kind: str
    since: datetime
    reason: str
    details: Mapping[str, str]
    payment: PaymentKey | None = None  # that it names
    decision: EventDecision | None = None


@dataclass(frozen=True)
class OpenCases:
    """Lists what could not be applied, and carries out what an operator decides about it."""

    store: Store
    providers: Mapping[str, Provider]
    settlement: Settlement
    methods: PaymentMethods
    clock: Clock

    def cases(self, *, everything: bool = False) -> list[OpenCase]:
        """Return what waits for an operator, files first, then events, oldest first.

        `everything` reads every event, to find also those that version 0.2 has set aside.
        """
        waiting = open_items(self.store, self.providers)
        events = list(self._every_event()) if everything else waiting.events
        return [*map(_case_of_file, waiting.files), *map(self._case_of_event, events)]

    def find(self, case_id: str) -> OpenCase:
        """Return a case, decided or not. Raises NotFound."""
        mail = self._mail(case_id)
        return _case_of_file(mail) if mail else self._case_of_event(self._event(case_id))

    def record(self, case_id: str, resolved: CaseResolution) -> Payment | None:
        """Record what a case says, and return the payment that it moved; None where it moved none.

        An event is closed by that. A file may be about several payments: it stays open until it is
        recorded as ignored. A step that was done before has no effect, so that the command can be
        repeated. Raises NotFound, Conflict.
        """
        if (resolved.key is None) is not (resolved.resolution is EventResolution.IGNORED):
            raise Conflict("every resolution but ignored needs the payment that it is about")
        decision = self._decision(resolved)
        mail = self._mail(case_id)
        if mail is not None:
            return self._record_of_file(mail, decision, resolved.code)
        return self._record_of_event(self._event(case_id), decision, resolved.code)

    def record_payment(self, resolved: CaseResolution) -> Payment:
        """Record what an operator has learnt of a payment elsewhere, as from a bank's statement.

        For providers whose reports an operator completes: what others report is theirs to correct.
        A step that was done before has no effect. Returns the payment that it moved. Raises
        NotFound, Conflict.
        """
        key = resolved.key
        if key is None or resolved.resolution is EventResolution.IGNORED:
            raise Conflict("without a case, only what became of a payment can be recorded")
        payment = self.store.get_payment(key)
        if payment is None:
            raise NotFound(f"there is no payment {' '.join(key)}")
        provider = payment.payment_method
        if self._mailbox(provider) is None:
            raise Conflict(f"{provider} reports its payments itself: there is nothing to record")
        decision = self._decision(resolved)
        moved = self._move(provider, decision, resolved.code or RECORDED) or payment
        event_id = f"recorded.{resolved.resolution}.{key.item_id}"
        self._keep(provider, event_id, "recorded by an operator", decision)
        return moved

    def _decision(self, resolved: CaseResolution) -> EventDecision:
        return EventDecision(
            self.clock(), resolved.resolution, resolved.person, resolved.note, resolved.key
        )

    def _keep(self, provider: str, event_id: str, kind: str, decision: EventDecision) -> None:
        """Keep a decision as an event of its own, which is not open."""
        now = self.clock()
        event = ProviderEvent.received(
            provider, event_id, kind[:_KIND_LENGTH], b"{}", now=now, due_at=now, shards=1
        )
        ignored = decision.payment is None
        state = ProviderEventState.IGNORED if ignored else ProviderEventState.APPLIED
        self.store.add_provider_event(event.decided(state, decision))

    def _record_of_event(
        self, event: ProviderEvent, decision: EventDecision, code: str | None
    ) -> Payment | None:
        if event.state is not ProviderEventState.SET_ASIDE:
            raise Conflict(f"{event.event_id} is not set aside, but {event.state}{_by_whom(event)}")
        code = code or _code(self._news(event))
        payment = self._move(event.provider, decision, code)
        state = ProviderEventState.APPLIED if payment else ProviderEventState.IGNORED
        if not self.store.change_provider_event(event, event.decided(state, decision)):
            raise Conflict("another operator has decided meanwhile: look again")
        return payment

    def _record_of_file(
        self, mail: UnreadMail, decision: EventDecision, code: str | None
    ) -> Payment | None:
        """Keep what is recorded of a file as an event of its own."""
        payment = self._move(mail.provider, decision, code or RECORDED)
        file = mail.file
        event_id = f"{file.file_id}.{payment.key.item_id}" if payment else file.file_id
        self._keep(mail.provider, event_id, f"unread file {file.name}", decision)
        mailbox = self._mailbox(mail.provider)
        if payment is None and mailbox is not None:
            mailbox.set_aside(file.file_id, f"{decision.person}: {decision.note}")
        return payment

    def _move(self, provider: str, decision: EventDecision, code: str) -> Payment | None:
        """Move a payment as an operator says, here and in what its provider's poll reports."""
        if decision.payment is None:
            return None
        status = _STATUSES[decision.resolution]
        payment = self._movable(provider, decision.payment, status)
        mailbox = self._mailbox(provider)
        reason = f"recorded by {decision.person}: {decision.note}"
        if mailbox is not None:
            recorded = mailbox.record(payment, status, code)
            reason = recorded.reason or reason
            if recorded.blocked is not None:
                where = recorded.blocked.destinations or (payment.destination,)
                words = recorded.blocked.reason
                who = payment.customer_id, provider
                self.methods.block(*who, where, words, Cause.PERSON, decision.person)
        report = ItemReport(payment.key.item_id, status, code, reason=reason)
        return self.settlement.apply_report(payment, report, Cause.PERSON)

    def _movable(self, provider: str, key: PaymentKey, status: Status) -> Payment:
        payment = self.store.get_payment(key)
        if payment is None:
            raise NotFound(f"there is no payment {' '.join(key)}")
        if payment.payment_method != provider:
            raise Conflict(f"the payment goes by {payment.payment_method}, not by {provider}")
        if payment.batch_id is None:
            raise Conflict(f"the payment is {payment.status}: it is in no batch")
        if payment.status is not status and not can_transition(payment.status, status):
            raise Conflict(f"a payment does not go from {payment.status} to {status}")
        return payment

    def _every_event(self) -> Iterator[ProviderEvent]:
        for event in self.store.scan_provider_events(EPOCH, self.clock()):
            if event.state is ProviderEventState.SET_ASIDE:
                yield event

    def _mail(self, case_id: str) -> UnreadMail | None:
        files = unread_mail(self.providers)
        return next((mail for mail in files if mail.file.file_id == case_id), None)

    def _event(self, event_id: str) -> ProviderEvent:
        for provider in dict.fromkeys([*self.providers, *NAMES]):  # also one that was removed since
            event = self.store.get_provider_event(provider, event_id)
            if event is not None:
                return event
        raise NotFound(f"there is no unread file and no event {event_id}")

    def _mailbox(self, provider: str) -> Mailbox | None:
        known = self.providers.get(provider)
        return known.mailbox if known else None

    def _news(self, event: ProviderEvent) -> WebhookNews | None:
        provider = self.providers.get(event.provider)
        reader = (provider.webhooks or provider.mailbox) if provider else None
        if not event.body:  # it is decided
            return None
        try:
            return reader.parse_webhook(event.body.encode()) if reader else None
        except NotGenuine:
            return None

    def _case_of_event(self, event: ProviderEvent) -> OpenCase:
        news = self._news(event)
        item = news.item if news else None
        details = {"event": event.kind} | _said(news)
        return OpenCase(
            event.event_id,
            event.provider,
            f"event, {event.state}",
            event.received_at,
            event.note or "",
            details,
            PaymentKey.find(item.item_id) if item else None,
            event.decision,
        )


def status_of(resolution: EventResolution) -> Status | None:
    """Return the status that a payment gets by a resolution; None where none is moved."""
    return _STATUSES.get(resolution)


def _case_of_file(mail: UnreadMail) -> OpenCase:
    file = mail.file
    details = {"name": file.name, "bytes": str(file.size)}
    return OpenCase(file.file_id, mail.provider, "unread file", file.since, file.reason, details)


def _said(news: WebhookNews | None) -> dict[str, str]:
    """Return what an event says, without any account or address."""
    if news is None:
        return {}
    if news.unmatched is not None:
        return dict(news.unmatched.details)
    item = news.item
    if item is None:
        return {"batch": news.batch_id} if news.batch_id else {}
    said = {
        "item": item.item_id,
        "status": item.raw_status,
        "amount": str(item.money) if item.money else "",
        "reason": item.reason or "",
        "provider's item": item.provider_item_id or "",
    }
    return {name: text for name, text in said.items() if text}


def _code(news: WebhookNews | None) -> str:
    """Return the reason that an event gives, in as few words as the provider's own."""
    if news is None:
        return RECORDED
    if news.unmatched is not None:
        return news.unmatched.details.get("reason", RECORDED).partition(" ")[0]
    return (news.item.raw_status if news.item else None) or RECORDED


def _by_whom(event: ProviderEvent) -> str:
    decision = event.decision
    return f": {decision.person} recorded {decision.resolution}" if decision else ""
