"""Orders: what is sent for a payment, made once and the same ever after.

OpenACH has no idempotency key. It refuses a second copy of a request only if that has the same
external id and the same account, so that settings, dates and details that change later never
change what is sent for a payment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from paymentapp.banking import EASTERN, BankAccount
from paymentapp.clock import Clock
from paymentapp.models.batches import Member
from paymentapp.models.provider_state import ProviderState, StateEntry, update_state_entry
from paymentapp.providers.bank_mail.reading import bare_account
from paymentapp.providers.openach.payees import OpenAchPayees
from paymentapp.providers.openach.settings import ARMED, OpenAchSettings
from paymentapp.providers.openach.tables import ARMED_AHEAD, LARGEST, LEAD, PICKED_UP_WITHIN
from paymentapp.vault.sealing import Vault

_CENT = Decimal("0.01")


class NotAnOrder(ValueError):
    """A payment that OpenACH cannot make; the text has no detail of the payee."""


class OpenAchOrder(NamedTuple):
    """The fields of profile, account and schedule, as they are sent."""

    item_id: str
    form: Mapping[str, str]

    def __repr__(self) -> str:
        return f"OpenAchOrder({self.item_id})"

    @property
    def external_id(self) -> str:
        """Return the external id of the payment's profile."""
        return self.form["payment_profile_external_id"]

    @property
    def amount(self) -> Decimal:
        """Return the amount in dollars."""
        return Decimal(self.form["payment_schedule_amount"])

    @property
    def next_date(self) -> date:
        """Return the first date of the schedule."""
        return date.fromisoformat(self.form["payment_schedule_next_date"])

    @property
    def end_date(self) -> date:
        """Return the last date of the schedule."""
        return date.fromisoformat(self.form["payment_schedule_end_date"])

    @property
    def last_run(self) -> date:
        """Return the last day on which a nightly run can make an entry of it."""
        return self.end_date - LEAD

    def part(self, *prefixes: str) -> dict[str, str]:
        """Return the fields of one record: those whose names begin so."""
        return {name: text for name, text in self.form.items() if name.startswith(prefixes)}


class SentPayments:
    """An index of orders by account and amount, for what a bank says without any id of ours.

    The account is a twelve-bit digest, which tells nobody the number.
    """

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def add(self, order: OpenAchOrder, destination: str) -> None:
        """Add an order, with the destination of its payment; idempotent."""
        form = order.form
        name = _sent(order.next_date, order.amount, form["external_account_number"])

        def change(text: str) -> str:
            known = json.loads(text) | {order.item_id: destination}
            return json.dumps(known, separators=(",", ":"))

        update_state_entry(self._state, name, "{}", change, likely_new=True)

    def find(self, first: date, last: date, amount: Decimal, account: str) -> dict[str, str]:
        """Return item ids that may be to an account, each with its destination.

        Months are searched from that of the first date of schedules to that of the last.
        """
        found: dict[str, str] = {}
        month = first.replace(day=1)
        while month <= last:
            stored = self._state.get_state_entry(_sent(month, amount, account))
            found |= json.loads(stored.text) if stored else {}
            month = (month + timedelta(days=31)).replace(day=1)
        return found


class Orders:
    """Makes and stores orders. Raises StoreUnavailable, and Misconfigured without a vault key."""

    def __init__(
        self,
        state: ProviderState,
        vault: Vault,
        payees: OpenAchPayees,
        settings: OpenAchSettings,
        clock: Clock,
    ) -> None:
        self._state = state
        self._vault = vault
        self._payees = payees
        self._settings = settings
        self._clock = clock
        self._sent = SentPayments(state)

    def of_batch(self, batch_id: str) -> OpenAchOrder | None:
        """Return the order of a batch; None where none was made."""
        stored = self._state.get_state_entry(_batch(batch_id))
        return self.of_item(stored.text) if stored else None

    def of_item(self, item_id: str) -> OpenAchOrder | None:
        """Return the order of a payment; None where none was made."""
        stored = self._state.get_state_entry(_order(item_id))
        return self._opened(item_id, stored) if stored else None

    def of_external_id(self, external_id: str) -> OpenAchOrder | None:
        """Return the order of a profile; None where it is none of ours."""
        item_id = external_id.removeprefix(self._settings.id_prefix)
        order = self.of_item(item_id)
        return order if order and order.external_id == external_id else None

    def freeze(self, batch_id: str, member: Member) -> tuple[OpenAchOrder, bool]:
        """Return a payment's order, and whether it was made now: nobody can have sent it then.

        Raises NotAnOrder.
        """
        item_id = member.item_id
        self._state.add_state_entry(StateEntry.new(_batch(batch_id), item_id))
        known = self.of_item(item_id)
        if known is not None:
            return known, False
        form = self._form(member)
        self._sent.add(OpenAchOrder(item_id, form), member.destination or "")
        text = self._vault.seal(json.dumps(form, separators=(",", ":")), item_id)
        wanted = StateEntry.new(_order(item_id), text)
        stored = self._state.add_state_entry(wanted)
        return self._opened(item_id, stored), stored.revision == wanted.revision

    def _opened(self, item_id: str, stored: StateEntry) -> OpenAchOrder:
        return OpenAchOrder(item_id, json.loads(self._vault.open(stored.text, item_id)))

    def _form(self, member: Member) -> dict[str, str]:
        """Return all fields: one that is left out is emptied where a record is saved again."""
        money = member.money
        if money.currency != "USD" or money.amount % _CENT or not 0 < money.amount <= LARGEST:
            raise NotAnOrder("an amount of US dollars and whole cents is needed")
        if member.destination is None:
            raise NotAnOrder("no bank account is named")
        account = self._payees.open(member.customer_id, member.destination)
        profile = self._settings.id_prefix + member.item_id, member.email
        return (
            _profile(*profile, account)
            | _account(account)
            | _schedule(self._settings.payment_type, money.amount, self._first_date())
        )

    def _first_date(self) -> date:
        ahead = ARMED_AHEAD if self._settings.plan == ARMED else LEAD
        return local_date(self._clock()) + ahead


def local_date(moment: datetime) -> date:
    """Return the date in New York, which the dates of schedules are compared with."""
    return moment.astimezone(ZoneInfo(EASTERN)).date()


def _profile(external_id: str, email: str, account: BankAccount) -> dict[str, str]:
    named = {
        "external_id": external_id,
        "email_address": email,
        "first_name": "",
        "last_name": account.holder,
        "password": "",
    }
    asked = {f"security_{kind}_{n}": "" for n in (1, 2, 3) for kind in ("question", "answer")}
    return {f"payment_profile_{name}": text for name, text in (named | asked).items()}


def _account(account: BankAccount) -> dict[str, str]:
    named = {
        "type": account.account_type.value,
        "name": "",
        "bank": "",
        "holder": account.holder,
        "country_code": "US",  # any other is entered and never filed, without a sign of it
        "dfi_id": account.routing,
        "number": account.number,
        "business": "0",  # it changes nothing: the entry is PPD
    }
    billing = ("address", "city", "state_province", "postal_code", "country")
    named |= {f"billing_{each}": "" for each in billing}
    return {f"external_account_{name}": text for name, text in named.items()}


def _schedule(payment_type: str, amount: Decimal, first: date) -> dict[str, str]:
    named = {
        "payment_type_id": payment_type,
        "amount": f"{amount:.2f}",
        "currency_code": "USD",  # ignored: it pays dollars, whatever it says
        "next_date": first.isoformat(),
        "frequency": "once",
        "end_date": (first + PICKED_UP_WITHIN).isoformat(),
        "remaining_occurrences": "1",
    }
    return {f"payment_schedule_{name}": text for name, text in named.items()}


def _sent(month: date, amount: Decimal, account: str) -> str:
    digest = hashlib.sha256(bare_account(account).encode()).hexdigest()[:3]
    return f"openach/sent/{month:%Y-%m}/{amount:.2f}/{digest}"


def _batch(batch_id: str) -> str:
    return f"openach/batch/{batch_id}"


def _order(item_id: str) -> str:
    return f"openach/order/{item_id}"
