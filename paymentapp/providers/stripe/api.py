"""Calls of Stripe's API; each returns a value, also for an error of Stripe's.

Every call that moves money carries an idempotency key of ours:
https://docs.stripe.com/api/idempotent_requests
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from paymentapp.clock import Clock
from paymentapp.errors import NotSent, OutcomeUnknown
from paymentapp.providers.http import Http
from paymentapp.providers.json_answers import dig, matching
from paymentapp.providers.stripe.answers import (
    Payout,
    StripeProblem,
    Transfer,
    read_payout,
    read_transfer,
    smallest_units,
)
from paymentapp.providers.stripe.calls import (
    MOST_PAGES,
    PAGE_SIZE,
    Response,
    StripeCalls,
    in_path,
)
from paymentapp.providers.stripe.orders import TransferOrder
from paymentapp.providers.stripe.settings import StripeSettings

if TYPE_CHECKING:
    from stripe import StripeObject

FORBIDDEN = 403
_WORD = re.compile(r"[a-z_]{1,20}")


class StripeApi(StripeCalls):
    """Calls for one account. Any number of threads may share it; it connects at the first call."""

    def __init__(self, settings: StripeSettings, http: Http, clock: Clock) -> None:
        super().__init__(settings, http, clock)
        # Stripe's default is not named, so that requests of earlier versions are the same ones.
        source_type = settings.source_type
        self._source = {} if source_type == "card" else {"source_type": source_type}

    def create_transfer(self, order: TransferOrder) -> Transfer | StripeProblem:
        """Create a transfer.

        https://docs.stripe.com/api/transfers/create
        """
        params: Any = {
            "amount": smallest_units(order.money),
            "currency": order.money.currency.lower(),
            "destination": order.destination.account,
            "transfer_group": order.batch_id,
            "metadata": dict(order.caller_metadata) | order.own_metadata,
            **order.described,
            **self._source,
        }
        answer = self._call(
            lambda client: client.v1.transfers.create(
                params=params, options={"idempotency_key": order.batch_id}
            ),
            moves_money=True,
        )
        if isinstance(answer, StripeProblem):
            return answer
        transfer = read_transfer(answer.body)
        if transfer is None or transfer.batch_id != order.batch_id:
            raise OutcomeUnknown("UNREADABLE_ANSWER", "no transfer of this batch")
        return transfer

    def create_payout(self, order: TransferOrder, transfer_id: str) -> Payout | StripeProblem:
        """Create a payout of the connected account.

        https://docs.stripe.com/api/payouts/create
        """
        params: Any = {
            "amount": smallest_units(order.money),
            "currency": order.money.currency.lower(),
            "method": "instant" if order.destination.payout == "instant" else "standard",
            # Not the caller's metadata: the owner of the account could read it.
            "metadata": order.own_metadata | {"transfer": transfer_id},
            **order.described,
        }
        answer = self._call(
            lambda client: client.v1.payouts.create(
                params=params,
                options={
                    "idempotency_key": f"{order.batch_id}-payout",
                    "stripe_account": order.destination.account,
                },
            ),
            moves_money=True,
        )
        return answer if isinstance(answer, StripeProblem) else _payout_in(answer)

    def reverse(self, transfer: Transfer, key: str) -> StripeProblem | None:
        """Reverse what is left of a transfer; repeated calls, under any key, never reverse more.

        https://docs.stripe.com/api/transfer_reversals/create
        """
        answer = self._call(
            lambda client: client.v1.transfers.reversals.create(
                transfer.transfer_id,
                params={
                    "amount": transfer.amount - transfer.amount_reversed,
                    "metadata": {"batch_id": transfer.batch_id, "item_id": transfer.item_id},
                },
                options={"idempotency_key": key},
            ),
            moves_money=True,
        )
        return answer if isinstance(answer, StripeProblem) else None

    def cancel_payout(self, payout: Payout, account: str) -> Payout | StripeProblem:
        """Cancel a payout.

        https://docs.stripe.com/api/payouts/cancel
        """
        answer = self._call(
            lambda client: client.v1.payouts.cancel(
                payout.payout_id,
                options={
                    "idempotency_key": f"{payout.batch_id}-cancel",
                    "stripe_account": account,
                },
            ),
            moves_money=True,
        )
        return answer if isinstance(answer, StripeProblem) else _payout_in(answer)

    def transfer(self, transfer_id: str) -> Transfer | StripeProblem:
        """Retrieve a transfer with its balance transaction; a problem with 404 if there is none.

        A key that may not read balance transactions gets the transfer without it.
        https://docs.stripe.com/api/transfers/retrieve
        """
        answer = self._retrieve(transfer_id, {"expand": ["balance_transaction"]})
        if isinstance(answer, StripeProblem) and answer.status == FORBIDDEN:
            answer = self._retrieve(transfer_id, {})
        if isinstance(answer, StripeProblem):
            return answer
        transfer = read_transfer(answer.body)
        if transfer is None:
            raise NotSent("UNREADABLE_ANSWER", "no transfer")
        return transfer

    def payout(self, payout_id: str, account: str) -> Payout | StripeProblem:
        """Retrieve a payout.

        https://docs.stripe.com/api/payouts/retrieve
        """
        options: Any = {"stripe_account": account}
        answer = self._get(
            lambda client: client.v1.payouts.retrieve(in_path(payout_id), options=options)
        )
        if isinstance(answer, StripeProblem):
            return answer
        payout = read_payout(answer.body)
        if payout is None:
            raise NotSent("UNREADABLE_ANSWER", "no payout")
        return payout

    def transfers_of(self, batch_id: str) -> list[Transfer]:
        """Return all transfers of a batch's group, from all pages.

        https://docs.stripe.com/api/transfers/list
        """
        pages = self._pages(
            lambda client, page: client.v1.transfers.list(
                params={"transfer_group": batch_id, **page}
            )
        )
        return [_readable(read_transfer(body)) for body in pages]

    def transfers_between(self, start: datetime, end: datetime) -> Iterator[Transfer]:
        """Yield all transfers that were made between two times, rounded out to whole seconds."""
        last = end.replace(microsecond=0) + timedelta(seconds=1)
        created = {"gte": int(start.timestamp()), "lte": int(last.timestamp())}
        pages = self._pages(
            lambda client, page: client.v1.transfers.list(params={"created": created, **page})
        )
        for body in pages:
            yield _readable(read_transfer(body))

    def payout_of(self, transfer: Transfer) -> Payout | None:
        """Return the payout of a transfer, searched for among the account's payouts since then.

        https://docs.stripe.com/api/payouts/list
        """
        created = {"gte": int(transfer.created.timestamp())}
        options: Any = {"stripe_account": transfer.destination.account}
        pages = self._pages(
            lambda client, page: client.v1.payouts.list(
                params={"created": created, **page}, options=options
            )
        )
        ours = [
            payout
            for payout in map(read_payout, pages)
            if payout is not None and payout.batch_id == transfer.batch_id
        ]
        return ours[-1] if ours else None  # the oldest: an owner may copy metadata later

    def balance(self) -> dict[str, int]:
        """Return what transfers may draw from, in smallest units by currency.

        A transfer draws from funds of one source type alone; the breakdown by source types may be
        missing. https://docs.stripe.com/api/balance/balance_object
        """
        answer = self._get(lambda client: client.v1.balance.retrieve())
        if isinstance(answer, StripeProblem):
            raise answer.error(answer.kind(moves_money=False))
        rows = dig(answer.body, "available")
        if not isinstance(rows, list):
            raise NotSent("UNREADABLE_ANSWER", "no balance")
        found = {}
        for row in rows:
            code, amount = dig(row, "currency"), self._available(row)
            if isinstance(code, str) and isinstance(amount, int):
                found[code.upper()] = amount
        return found

    def payout_schedule(self, account: str) -> str:
        """Return the interval of a connected account's payout schedule; empty where not told.

        https://docs.stripe.com/api/accounts/object#account_object-settings-payouts-schedule
        """
        options: Any = {"stripe_account": account}  # in a header: paths are in debug logs
        answer = self._get(lambda client: client.v1.accounts.retrieve_current(options=options))
        if isinstance(answer, StripeProblem):
            raise answer.error(answer.kind(moves_money=False))
        return matching(_WORD, dig(answer.body, "settings", "payouts", "schedule", "interval"))

    def _retrieve(self, transfer_id: str, params: Any) -> Response | StripeProblem:
        path = in_path(transfer_id)
        return self._get(lambda client: client.v1.transfers.retrieve(path, params=params))

    def _available(self, row: object) -> object:
        by_source = dig(row, "source_types")
        if not isinstance(by_source, dict):
            return dig(row, "amount")
        return by_source.get(self._settings.source_type, 0)

    def _pages(self, ask: Callable[[Any, Any], StripeObject]) -> Iterator[object]:
        """Yield all elements of a list, newest first. Raises where a page is missing."""
        page: dict[str, Any] = {"limit": PAGE_SIZE}
        for _ in range(MOST_PAGES):
            answer = self._get(partial(_page_call, ask, page))
            if isinstance(answer, StripeProblem):
                raise answer.error(answer.kind(moves_money=False))
            elements, more = dig(answer.body, "data"), dig(answer.body, "has_more")
            if not isinstance(elements, list) or not isinstance(more, bool):
                raise NotSent("UNREADABLE_ANSWER", "no list")
            yield from elements
            if not more:
                return
            last = dig(elements[-1], "id") if elements else None
            if not isinstance(last, str) or page.get("starting_after") == last:
                raise NotSent("UNREADABLE_ANSWER", "a list without an end")
            page = {"limit": PAGE_SIZE, "starting_after": last}
        raise NotSent("UNREADABLE_ANSWER", "a list without an end")


def _page_call(
    ask: Callable[[Any, Any], StripeObject], page: object, client: object
) -> StripeObject:
    return ask(client, page)


def _payout_in(answer: Response) -> Payout:
    payout = read_payout(answer.body)
    if payout is None:
        raise OutcomeUnknown("UNREADABLE_ANSWER", "no payout")
    return payout


def _readable(transfer: Transfer | None) -> Transfer:
    if transfer is None:
        raise NotSent("UNREADABLE_ANSWER", "a transfer without an id, an amount or a time")
    return transfer
