"""Stripe: transfers to connected accounts (Connect), and payments to recipients (Global Payouts).

For Connect, `tables` has what Stripe publishes, `api` calls it, `answers` parses it, `outcome`
determines what became of a payment: docs/decisions/0013-stripe.md. The modules `global_...` do
the same for Global Payouts: docs/decisions/0071-global-payouts.md.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from paymentapp.clock import Clock
from paymentapp.errors import InsufficientFunds, NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.models.explanations import Explanation, find_explanation
from paymentapp.models.provider_state import ProviderState
from paymentapp.providers.base import (
    Accepted,
    Detail,
    Kit,
    NeedsReview,
    Outcome,
    Postponed,
    Provider,
    Refused,
    RemittanceRules,
)
from paymentapp.providers.effects import effects_possible
from paymentapp.providers.http import Http
from paymentapp.providers.stripe.answers import Reference, StripeProblem, Transfer
from paymentapp.providers.stripe.api import StripeApi
from paymentapp.providers.stripe.funds import Funds, StripeBalances
from paymentapp.providers.stripe.global_payouts import (
    GlobalPayouts,
    is_outbound,
    open_global_payouts,
)
from paymentapp.providers.stripe.orders import OWN_KEYS, TransferOrder
from paymentapp.providers.stripe.outcome import Outcomes
from paymentapp.providers.stripe.payees import NO_PAYOUT, StripePayees, read_destination
from paymentapp.providers.stripe.recipients import read_recipient
from paymentapp.providers.stripe.schedules import PayoutSchedules
from paymentapp.providers.stripe.search import StripeSearch
from paymentapp.providers.stripe.settings import StripeSettings
from paymentapp.providers.stripe.tables import CURRENCIES, FENCED, REFUSALS
from paymentapp.providers.stripe.webhooks import StripeWebhooks
from paymentapp.providers.updates import ItemReport
from paymentapp.vault.sealing import Vault

log = logging.getLogger(__name__)

# "You can remove keys from the system automatically after they're at least 24 hours old". The
# books are searched long before that: a process that is delayed between reading its clock and
# making its call has the rest of the day.
KEY_TRUSTED = timedelta(hours=1)
KEY_FORGOTTEN = timedelta(hours=24, minutes=10)


class Stripe(Provider):
    """Payments by Stripe Connect. Any number of threads may share it."""

    name = "stripe"
    forgets_batch_after: timedelta | None = timedelta(hours=24)  # see KEY_TRUSTED
    looks_before_resending = True
    returns_unclaimed_after: timedelta | None = None
    submits_per_second = 25  # https://docs.stripe.com/rate-limits; a batch of one is always full
    batch_size = 1  # a transfer has one recipient, and one key
    currencies = CURRENCIES
    # https://docs.stripe.com/api/metadata: 50 keys of 40 characters, values of 500
    remittance: RemittanceRules | None = RemittanceRules(metadata=True, reserved_keys=OWN_KEYS)
    settings_class = StripeSettings
    details: Sequence[Detail] = StripePayees.details
    example_details: Mapping[str, str] = {"account": "acct_1032D82eZvKYlo2C", "payout": "standard"}
    transaction_search: StripeSearch
    balances: StripeBalances

    def __init__(
        self,
        settings: StripeSettings,
        clock: Clock,
        http: Http,
        vault: Vault | None = None,
        state: ProviderState | None = None,
    ) -> None:
        """Without a financial account in the settings, or a state, no recipients are paid."""
        self.configured = settings.is_configured
        self.description = settings.description
        self.environment = settings.environment
        self._clock = clock
        self._http = http
        self._api = StripeApi(settings, http, clock)
        self._global = open_global_payouts(settings, http, clock, state) if state else None
        made = self._global.made if self._global else None
        payees = StripePayees(settings.payout, vault, made)
        self.payees = self.payee_rules = payees
        self._opened = payees.opened
        look_up = self._global.updated if self._global else None
        secrets = settings.webhook_secrets
        self.webhooks = StripeWebhooks(settings, clock, look_up) if secrets else None
        self.recall = self._global
        self.transaction_search = StripeSearch(self._api, self._global)
        self._funds = Funds(self._api.balance, clock)
        extra = self._global.available if self._global else None
        self.balances = StripeBalances(self._api.balance, clock, extra)
        self._schedules = PayoutSchedules(self._api.payout_schedule, clock)
        self._outcomes = Outcomes(self._api, clock)

    @classmethod
    def build(cls, kit: Kit) -> Stripe:
        """Build Stripe from the settings. Raises SettingsError."""
        service = kit.settings
        settings = service.variables.load(StripeSettings)
        http = Http(
            settings.base_url,
            connections=service.senders + 4,
            read_timeout=service.provider_timeout,
        )
        return cls(settings, kit.clock, http, kit.vault, kit.state)

    def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
        """Make the transfer, with the batch's id as its idempotency key, and then its payout.

        Accepted once the transfer is made, and its payout made or refused; of a recipient, once
        the outbound payment is made.
        """
        (member,) = members
        recipient = read_recipient(member.destination)
        if recipient is not None and self._global is not None:
            opened = partial(self._opened, member.customer_id)
            return self._global.submit(batch, member, recipient, opened)
        order = _order(batch, member)
        if isinstance(order, Refused):
            return order
        if order.destination.payout != NO_PAYOUT:  # while nothing has moved: it may take a while
            self._schedules.warn_unless_manual(batch.batch_id, order.destination.account)
        transfer = self._transfer(batch, order)
        if not isinstance(transfer, Transfer):
            return transfer
        rest = ""
        if order.destination.payout != NO_PAYOUT:
            with effects_possible():
                rest = self._payout(batch, order, transfer)
        return Accepted(Reference(transfer.transfer_id, rest).text)

    def fetch(self, batch: Batch) -> list[ItemReport]:
        """Report the one payment; where it was not paid out, reverse its transfer.

        Nothing else is moved.
        """
        if batch.reference is None:
            raise NotSent("NO_REFERENCE", "the batch has not been accepted")
        if is_outbound(batch.reference):
            return [self._outbound().fetch(batch)]
        reference = Reference.of(batch.reference)
        return [self._outcomes.settle(reference, batch.batch_id, batch.accepted_at)]

    def cancel(self, provider_item_id: str) -> ItemReport:
        """Cancel a payout that the bank does not have yet, and reverse the transfer.

        Where Stripe refuses to cancel, only report. A transfer without a payout has already
        arrived. https://docs.stripe.com/api/payouts/cancel
        """
        if is_outbound(provider_item_id):
            return self._outbound().cancel(provider_item_id)
        reference = Reference.of(provider_item_id)
        transfer, payout = self._outcomes.read(reference)
        if payout is not None and payout.status == "pending":
            answer = self._api.cancel_payout(payout, transfer.destination.account)
            if isinstance(answer, StripeProblem) and not answer.is_no_payout:
                raise answer.error(answer.kind(moves_money=True))
        return self._outcomes.settle(reference)

    @staticmethod
    def explain(text: str) -> Explanation | None:
        """Return what a reason or a status of Stripe's means, and what to do."""
        from paymentapp.providers.stripe.explanations import EXPLANATIONS
        from paymentapp.providers.stripe.global_explanations import GLOBAL_EXPLANATIONS

        found = find_explanation(GLOBAL_EXPLANATIONS, text)
        return found or find_explanation(EXPLANATIONS, text)

    def check(self) -> None:
        """Read the balance, which every usable key may do, and that of the financial account."""
        self._api.balance()
        if self._global is not None:
            self._global.available()

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _outbound(self) -> GlobalPayouts:
        """Return what reads outbound payments. Raises NotSent where it is not configured."""
        if self._global is None:
            raise NotSent("NO_FINANCIAL_ACCOUNT", "PAYMENTAPP_STRIPE_FINANCIAL_ACCOUNT is not set")
        return self._global

    def _transfer(
        self, batch: Batch, order: TransferOrder
    ) -> Transfer | Refused | NeedsReview | Postponed:
        """Return the transfer, made now or before.

        A key that Stripe may have forgotten is used only after a search of the books; the decision
        says why that is safe whatever is still in flight.
        """
        covered = self._funds.cover(order.money)
        if not covered or self._is_late(batch):
            found = self._found(order)
            if found is not None:
                return found
            if not covered:
                raise InsufficientFunds("balance_insufficient", "the account has less")
        answer = self._api.create_transfer(order)
        if isinstance(answer, StripeProblem) and answer.is_kept_failure:
            with effects_possible():
                found = self._found(order)
            if found is not None:
                return found
        if isinstance(answer, StripeProblem):
            return self._refused(batch, order, answer)
        return answer

    def _refused(
        self, batch: Batch, order: TransferOrder, problem: StripeProblem
    ) -> Transfer | Refused | Postponed:
        """Return a refusal, once it is certain. Raises for everything else.

        A refusal that may be lifted later counts once Stripe has stored it under our key: then no
        call that is still in flight can succeed.
        """
        if problem.is_insufficient_funds and problem.replayed:
            until = max(_frozen_at(batch) + KEY_FORGOTTEN, self._clock() + timedelta(hours=1))
            return Postponed(f"{problem.code}, stored under this key", until)
        kind = problem.kind(moves_money=True)
        if kind is not Refused:
            raise problem.error(kind)
        if problem.code in FENCED and not problem.replayed:
            again = self._api.create_transfer(order)
            if isinstance(again, Transfer):
                return again
            if not again.replayed or again.code != problem.code:
                raise again.error(OutcomeUnknown)
        log.warning("batch %s refused by Stripe: %s", order.batch_id, problem.code)
        return Refused(problem.code, {0: f"{problem.code}: {REFUSALS[problem.code]}"})

    def _found(self, order: TransferOrder) -> Transfer | NeedsReview | None:
        """Return the transfer that Stripe has for this batch; None where it certainly has none.

        A transfer that does not match the order needs review.
        """
        found = self._api.transfers_of(order.batch_id)
        if not found:
            return None
        if len(found) > 1:
            return NeedsReview(f"{len(found)} transfers have this batch's id")
        (transfer,) = found
        if (transfer.money, transfer.destination.account) != (
            order.money,
            order.destination.account,
        ):
            return NeedsReview(f"{transfer.transfer_id} has this batch's id, but other content")
        log.info("Stripe already has batch %s, as %s", order.batch_id, transfer.transfer_id)
        return transfer

    def _payout(self, batch: Batch, order: TransferOrder, transfer: Transfer) -> str:
        """Return the id of the payout, made now or before, else the code of its refusal.

        For a refusal, `fetch` reverses the transfer.
        """
        if self._is_late(batch):
            found = self._api.payout_of(transfer)
            if found is not None:
                return found.payout_id
        answer = self._api.create_payout(order, transfer.transfer_id)
        if isinstance(answer, StripeProblem) and answer.is_kept_failure:
            found = self._api.payout_of(transfer)
            if found is not None:
                return found.payout_id
        if not isinstance(answer, StripeProblem):
            return answer.payout_id
        if not answer.is_no_payout:
            raise answer.error(answer.kind(moves_money=True))
        log.warning("batch %s: payout refused by Stripe: %s", order.batch_id, answer.code)
        return answer.code

    def _is_late(self, batch: Batch) -> bool:
        """Return whether Stripe may have forgotten the batch's idempotency keys."""
        return self._clock() - _frozen_at(batch) >= KEY_TRUSTED


def _frozen_at(batch: Batch) -> datetime:
    """Return when the batch may first have been sent."""
    return batch.frozen_at or batch.created_at


def _order(batch: Batch, member: Member) -> TransferOrder | Refused:
    """Return the transfer to request; Refused where no request can express it."""
    destination = read_destination(member.destination)
    if destination is None:
        return Refused("NO_CONNECTED_ACCOUNT", {0: "NO_CONNECTED_ACCOUNT: no account is named"})
    rule = CURRENCIES.get(member.money.currency)
    if rule is None or member.money.decimals > rule.decimals:
        return Refused("NOT_PAYABLE", {0: f"NOT_PAYABLE: {member.money.currency} is not paid so"})
    texts = member.description, member.metadata
    return TransferOrder(batch.batch_id, member.item_id, member.money, destination, *texts)
