"""Makes the recipients of Global Payouts, once for each token, and remembers their ids.

No money moves here. A lost answer leaves the same call to be made again, under the same key: Stripe
answers with what it has made. Where the key may be forgotten, it is looked for first.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from paymentapp.clock import Clock, from_text, to_text
from paymentapp.errors import NotSent
from paymentapp.models.provider_state import ProviderState, StateEntry, update_state_entry
from paymentapp.providers.base import Refused
from paymentapp.providers.store_errors import store_errors_as
from paymentapp.providers.stripe.answers import StripeProblem
from paymentapp.providers.stripe.global_api import GlobalApi
from paymentapp.providers.stripe.global_tables import NO_RECIPIENT, UNSENT
from paymentapp.providers.stripe.recipients import BankDetails, MadeIds, MadeRecipient

log = logging.getLogger(__name__)

# After this a key is not relied on to find what was made. No length is published for version 2;
# that of version 1 is "at least 24 hours".
KEY_TRUSTED = timedelta(hours=20)
_CONTENT = frozenset({400, 422})  # statuses of an error in what was sent


class RecipientBook:
    """Recipients by their tokens. Any number of threads and processes may share it."""

    def __init__(self, api: GlobalApi, state: ProviderState, clock: Clock) -> None:
        self._api = api
        self._state = state
        self._clock = clock

    def made(self, token: str) -> MadeRecipient | None:
        """Return the recipient that was made for a token. Raises NotSent."""
        with store_errors_as(NotSent):
            entry = self._state.get_state_entry(_name(token))
        return MadeIds.of(entry.text).made if entry else None

    def make(self, token: str, bank: BankDetails) -> MadeRecipient | Refused:
        """Return the recipient for a token, made now or before, with their payout method.

        Raises NotSent where it is not known whether they were made, and Misconfigured.
        """
        with store_errors_as(NotSent):
            ids = self._begin(token)
        if not ids.recipient:
            recipient = self._recipient(token, bank, ids)
            if isinstance(recipient, Refused):
                return recipient
            ids = self._record(token, ids._replace(recipient=recipient))
        if not ids.method:
            method = self._method(token, bank, ids)
            if isinstance(method, Refused):
                return method
            ids = self._record(token, ids._replace(method=method))
        return MadeRecipient(ids.recipient, ids.method)

    def _recipient(self, token: str, bank: BankDetails, ids: MadeIds) -> str | Refused:
        if self._is_late(ids):
            found = self._api.recipient_of(token)
            if found is not None:
                return found
        return _answered(self._api.create_recipient(bank, token), token)

    def _method(self, token: str, bank: BankDetails, ids: MadeIds) -> str | Refused:
        if self._is_late(ids):
            methods = self._api.methods_of(ids.recipient)
            same = [each.method_id for each in methods if each.last4 == bank.account_number[-4:]]
            if len(same) == 1:
                return same[0]
        return _answered(self._api.create_method(bank, ids.recipient, token), token)

    def _begin(self, token: str) -> MadeIds:
        """Record that making a recipient begins, before the first call."""
        begun = MadeIds(to_text(self._clock()))
        entry = self._state.add_state_entry(StateEntry.new(_name(token), begun.text))
        return MadeIds.of(entry.text)

    def _record(self, token: str, ids: MadeIds) -> MadeIds:
        """Record ids; return those that are on record, which another process may have made."""

        def merged(text: str) -> str:
            stored = MadeIds.of(text)
            recipient = stored.recipient or ids.recipient
            ours = ids.method if recipient == ids.recipient else ""
            return MadeIds(stored.begun_at, recipient, stored.method or ours).text

        with store_errors_as(NotSent):
            return MadeIds.of(update_state_entry(self._state, _name(token), ids.text, merged).text)

    def _is_late(self, ids: MadeIds) -> bool:
        """Return whether Stripe may have forgotten the keys under which these were made."""
        return self._clock() - from_text(ids.begun_at) >= KEY_TRUSTED


def _name(token: str) -> str:
    return f"stripe/recipient/{token}"


def _answered(answer: str | StripeProblem, token: str) -> str | Refused:
    """Return the id; Refused where Stripe refuses the details. Raises for other errors."""
    if isinstance(answer, str):
        return answer
    if answer.status in _CONTENT and answer.type != "idempotency_error":
        log.warning("recipient %s refused by Stripe: %s", token, answer.code)
        return Refused(NO_RECIPIENT, {0: f"{NO_RECIPIENT}: {UNSENT[NO_RECIPIENT]}, {answer.code}"})
    raise answer.error(answer.kind(moves_money=False))
