"""What is measured on a store of many payments, by the services and by the API."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from bench.filling import History, client, email, item_id, reference
from bench.say import Failed
from bench.wsgi_requests import WSGIRequests
from paymentapp.bootstrap import Services
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.money import Money
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.base import PageQuery

PAGE = 25
PAYMENTS_PATH = "/v1/api/payment"
AT_ONCE = 16  # threads of a worker


class Side(NamedTuple):
    """A store that is measured: its services and API, and the numbers of its payments."""

    services: Services
    api: WSGIRequests
    history: History
    numbers: Sequence[int]
    dice: random.Random

    def number(self) -> int:
        return self.dice.choice(self.numbers)


Run = Callable[[Side, int], None]


def operations(page: int) -> dict[str, Run]:
    """Return what is measured; each makes so many calls. They raise Failed on a wrong answer."""
    return {
        "a page of the account": _repeated(_list_account, page),
        "a page of a customer": _repeated(_list_customer, page),
        "find by reference": _repeated(_find_reference, 1),
        "find by provider id": _repeated(_find_item, 1),
        "API: a page of the account": _each(_get_account),
        "API: a page of a customer": _each(_get_customer),
        "API: find by reference": _each(_get_reference),
        "API: find by provider id": _each(_get_item),
        "accept, one at a time": _accept_in_turn,
        f"accept, {AT_ONCE} at once": _accept_at_once,
        "API: accept, one at a time": _post_in_turn,
    }


def _repeated(find: Callable[[Side], int], wanted: int) -> Run:
    def run(side: Side, calls: int) -> None:
        for _ in range(calls):
            found = find(side)
            if found != wanted:
                raise Failed(f"{found} payments found, not {wanted}, by {find.__name__}")

    return run


def _each(request: Callable[[Side], None]) -> Run:
    def run(side: Side, calls: int) -> None:
        for _ in range(calls):
            request(side)

    return run


def _get_account(side: Side) -> None:
    side.api.get(PAYMENTS_PATH, f"limit={PAGE}")


def _get_customer(side: Side) -> None:
    customer_id = side.history.customer(side.number())
    side.api.get(f"{PAYMENTS_PATH}/{customer_id}", f"limit={PAGE}")


def _get_reference(side: Side) -> None:
    side.api.get(PAYMENTS_PATH, urlencode({"reference": reference(side.number())}))


def _get_item(side: Side) -> None:
    side.api.get(PAYMENTS_PATH, urlencode({"provider_id": item_id(side.number())}))


def _post_in_turn(side: Side, calls: int) -> None:
    for order in _orders(side, calls):
        body = {
            "customer_id": order.customer_id,
            "email": order.email,
            "amount": 12.5,
            "currency": order.money.currency,
            "payment_method": order.payment_method,
            "reference": order.texts.reference,
        }
        side.api.pay(body, str(order.texts.reference))


def _list_account(side: Side) -> int:
    return len(side.services.payments.list_account(AccountQuery(PAGE)).payments)


def _list_customer(side: Side) -> int:
    customer_id = side.history.customer(side.number())
    return len(side.services.payments.list(customer_id, PageQuery(PAGE)).payments)


def _find_reference(side: Side) -> int:
    query = AccountQuery(PAGE, reference=reference(side.number()))
    return len(side.services.payments.list_account(query).payments)


def _find_item(side: Side) -> int:
    query = AccountQuery(PAGE, provider_id=item_id(side.number()))
    return len(side.services.payments.list_account(query).payments)


def _accept_in_turn(side: Side, calls: int) -> None:
    for order in _orders(side, calls):
        _accept(side, order)


def _accept_at_once(side: Side, calls: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(partial(_accept, side), list(_orders(side, calls))))


def _orders(side: Side, count: int) -> Iterator[PaymentOrder]:
    """Yield requests for payments to any of the customers, whose stores have the same ones."""
    for _ in range(count):
        customer_id = side.history.customer(side.dice.randrange(side.history.customers))
        texts = CallerTexts(f"invoice {side.dice.getrandbits(64):016x}")
        money = Money(Decimal("12.50"), "USD")
        yield PaymentOrder(customer_id, email(customer_id), money, "paypal", texts=texts)


def _accept(side: Side, order: PaymentOrder) -> None:
    key = str(order.texts.reference)
    if side.services.payments.request(order, key, client(int(key[-2:], 16))).replayed:
        raise Failed("a payment was not new")
