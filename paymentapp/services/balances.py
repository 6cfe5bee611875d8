"""Balances as they are shared by all processes: one entry, which the dispatcher's side writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from paymentapp.clock import from_text, maybe_text, maybe_time, to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models.balances import AccountBalance, AccountKey
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.base import Store

_NAME = "balances"


class OpenShortage(NamedTuple):
    """A shortage that was announced, and whether it was over when it was last looked at."""

    since: datetime
    over: bool = False


class BalanceSheet(NamedTuple):
    """The accounts as they were last looked at, and the shortages that were announced."""

    accounts: Sequence[AccountBalance] = ()
    shortages: Mapping[AccountKey, OpenShortage] = {}


@dataclass(frozen=True, slots=True)
class Balances:
    """Reads and writes the balance sheet; asks no provider."""

    store: Store

    def shown(self) -> Sequence[AccountBalance]:
        """Return the accounts by provider and currency. Raises StoreUnavailable."""
        return self.read()[1].accounts

    def read(self) -> tuple[StateEntry | None, BalanceSheet]:
        """Return the sheet with the entry that it was read from, None where there is none yet."""
        entry = self.store.get_state_entry(_NAME)
        return entry, _read_sheet(entry.text) if entry else BalanceSheet()

    def write(self, old: StateEntry | None, sheet: BalanceSheet) -> None:
        """Replace the entry that was read. Another process's, written meanwhile, stays."""
        text = _sheet_text(sheet)
        if old is None:
            self.store.add_state_entry(StateEntry.new(_NAME, text))
        else:
            self.store.change_state_entry(old, old.changed(text))


def _sheet_text(sheet: BalanceSheet) -> str:
    record = {
        "accounts": [_account_record(each) for each in sheet.accounts],
        "shortages": [
            [*key, to_text(shortage.since), shortage.over]
            for key, shortage in sheet.shortages.items()
        ],
    }
    return json.dumps(record, separators=(",", ":"))


def _read_sheet(text: str) -> BalanceSheet:
    try:
        record = json.loads(text)
        shortages = {
            (method, currency): OpenShortage(from_text(since), over)
            for method, currency, since, over in record["shortages"]
        }
        return BalanceSheet([_read_account(each) for each in record["accounts"]], shortages)
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise StoreUnavailable("the stored balances cannot be read by this version") from error


def _account_record(account: AccountBalance) -> dict[str, Any]:
    return account._asdict() | {
        "available": None if account.available is None else str(account.available),
        "as_of": maybe_text(account.as_of),
        "pending": str(account.pending),
        "pending_as_of": to_text(account.pending_as_of),
    }


def _read_account(record: Mapping[str, Any]) -> AccountBalance:
    available = record["available"]
    return AccountBalance(
        record["payment_method"],
        record["currency"],
        None if available is None else Decimal(available),
        maybe_time(record["as_of"]),
        Decimal(record["pending"]),
        record["pending_complete"],
        from_text(record["pending_as_of"]),
    )
