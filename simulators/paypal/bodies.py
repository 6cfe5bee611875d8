"""JSON bodies of batches and items, as in PayPal's API description.

Schemas ``payout``, ``payout_batch``, ``payout_batch_items`` and ``payout_item-2`` of
https://developer.paypal.com/docs/api/payments.payouts-batch/v1/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from simulators.common.times import rfc3339
from simulators.paypal.currencies import amount
from simulators.paypal.errors import item_error
from simulators.paypal.records import PayPalBatch, PayPalItem

_ECHOED_HEADER = ("recipient_type", "email_subject", "email_message")


def link(href: str, rel: str, method: str = "GET") -> dict[str, str]:
    """Return a HATEOAS link."""
    return {"href": href, "rel": rel, "method": method, "encType": "application/json"}


def batch_link(base: str, payout_batch_id: str, rel: str = "self") -> dict[str, str]:
    """Return the link to a batch; ``base`` is the simulator's own address."""
    return link(f"{base}/v1/payments/payouts/{payout_batch_id}", rel)


def created(batch: PayPalBatch, base: str) -> dict[str, Any]:
    """Return the answer to a create call: always PENDING, whatever the delay."""
    header = {
        "payout_batch_id": batch.payout_batch_id,
        "batch_status": "PENDING",
        "sender_batch_header": _sender_header(batch),
    }
    return {"batch_header": header, "links": [batch_link(base, batch.payout_batch_id)]}


def batch_header(batch: PayPalBatch, now: int) -> dict[str, Any]:
    """Return the header of a batch; the fee is 0 until the batch is PROCESSING."""
    status = batch.status(now)
    header: dict[str, Any] = {
        "payout_batch_id": batch.payout_batch_id,
        "batch_status": status,
        "time_created": rfc3339(batch.created_at),
    }
    if now >= batch.settle_at:
        header["time_completed"] = rfc3339(batch.settle_at)
        header["time_closed"] = rfc3339(batch.settle_at)
    return header | {
        "sender_batch_header": _sender_header(batch),
        "funding_source": "BALANCE",
        "amount": amount(batch.currency, batch.total_minor),
        "fees": amount(batch.currency, 0 if status == "PENDING" else batch.fees_minor),
    }


def batch_item(item: PayPalItem, now: int, base: str, rates: Mapping[str, str]) -> dict[str, Any]:
    """Return an item as a batch lists it; a failed one has no transaction, only an error.

    ``rates`` are those of the currencies that are bought with US dollars.
    """
    settled = now >= item.settle_at
    body: dict[str, Any] = {"payout_item_id": item.payout_item_id}
    if settled and item.status != "FAILED":
        body |= {"transaction_id": item.transaction_id, "activity_id": item.activity_id}
    body |= {
        "transaction_status": item.status,
        "payout_item_fee": amount(item.currency, item.fee_minor if settled else 0),
        "payout_batch_id": item.payout_batch_id,
        "payout_item": _sender_item(item),
    }
    if settled:
        body["time_processed"] = rfc3339(item.processed_at(now))
        if item.currency in rates and item.status != "FAILED":
            body["currency_conversion"] = _conversion(item, rates[item.currency])
        if item.error is not None:
            body["errors"] = item_error(item.error)
    href = f"{base}/v1/payments/payouts-item/{item.payout_item_id}"
    links = [link(href, "item")]
    if item.status == "UNCLAIMED":
        links.append(link(f"{href}/cancel", "cancel", "POST"))
    return body | {"links": links}


def _conversion(item: PayPalItem, rate: str) -> dict[str, Any]:
    dollars = Decimal(item.value) / Decimal(rate)
    return {
        "from_amount": amount("USD", int(dollars.scaleb(2).to_integral_value())),
        "to_amount": {"currency": item.currency, "value": item.value},
        "exchange_rate": rate,
    }


def single_item(item: PayPalItem, now: int, base: str, rates: Mapping[str, str]) -> dict[str, Any]:
    """Return an item on its own, with links to itself and its batch."""
    body = batch_item(item, now, base, rates)
    if item.sender_batch_id is not None:
        body["sender_batch_id"] = item.sender_batch_id
    body["links"][0]["rel"] = "self"
    body["links"].append(batch_link(base, item.payout_batch_id, "batch"))
    return body


def _sender_header(batch: PayPalBatch) -> dict[str, Any]:
    header = {key: batch.header[key] for key in _ECHOED_HEADER if key in batch.header}
    if batch.sender_batch_id is not None:
        header["sender_batch_id"] = batch.sender_batch_id
    return header


def _sender_item(item: PayPalItem) -> dict[str, Any]:
    given = {
        # `recipient_enum` of the description has no handles, and an answer may leave it out.
        "recipient_type": None if item.recipient_type == "USER_HANDLE" else item.recipient_type,
        "amount": {"currency": item.currency, "value": item.value},
        "note": item.note,
        "receiver": item.receiver,
        "sender_item_id": item.sender_item_id,
        "recipient_wallet": item.wallet,
        "purpose": item.purpose,
    }
    return {key: value for key, value in given.items() if value is not None}


def only_fields(body: dict[str, Any], fields: str) -> dict[str, Any]:
    """Return the parts of a body that ``fields`` names (``batch_header,items.payout_item_id``)."""
    return dict(_pick(body, [name.strip().split(".") for name in fields.split(",")]))


def _pick(value: Any, paths: Iterable[list[str]]) -> Any:
    if isinstance(value, list):
        return [_pick(each, paths) for each in value]
    if not isinstance(value, Mapping):
        return value
    wanted: dict[str, list[list[str]]] = {}
    for first, *rest in paths:
        wanted.setdefault(first, []).append(rest)
    return {
        key: each if [] in wanted[key] else _pick(each, wanted[key])
        for key, each in value.items()
        if key in wanted
    }
