"""The Payouts API: create a batch, read it, read an item, cancel an unclaimed one.

https://developer.paypal.com/docs/api/payments.payouts-batch/v1/. ``PayPal-Request-Id`` is accepted
and ignored: in PayPal's sandbox too, only ``sender_batch_id`` prevents a second payout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulators.common.times import span
from simulators.common.webhook_queue import StatusChange
from simulators.paypal import bodies, outcomes, samples
from simulators.paypal.core import PayPalSimulator, running_paypal
from simulators.paypal.currencies import DECIMALS
from simulators.paypal.errors import PayPalError, detail
from simulators.paypal.oauth import require_token
from simulators.paypal.records import PayPalBatch, PayPalBatchRequest, PayPalItem
from simulators.paypal.state import BalanceTooLow, DuplicateBatch, PayPalState
from simulators.paypal.validation import read_batch

blueprint = Blueprint("payouts", __name__, url_prefix="/v1/payments")
blueprint.before_request(require_token)

MAX_PAGE_SIZE = 1000


@blueprint.post("/payouts", strict_slashes=False)
def create_batch() -> tuple[Response, int]:
    """Accept a batch: 201 with its id; 400 VALIDATION_ERROR or USER_BUSINESS_ERROR, 422 no funds.

    https://developer.paypal.com/docs/api/payments.payouts-batch/v1/#payouts_post
    """
    running = running_paypal()
    new = read_batch(read_json())
    _refuse_by_test_value(new)
    try:
        batch = running.state.add_batch(
            new,
            now=running.now(),
            settle=span(running.settings.settle_delay),
            reversal=span(running.settings.reversal_delay),
            funds=_funds(running, new.currency),
        )
    except DuplicateBatch as duplicate:
        raise PayPalError("USER_BUSINESS_ERROR", [_duplicate(str(duplicate))]) from None
    except BalanceTooLow:
        raise PayPalError("INSUFFICIENT_FUNDS") from None
    running.announce(changes_of(running.state, batch))
    return jsonify(bodies.created(batch, link_base())), 201


@blueprint.get("/payouts/<payout_batch_id>")
def show_batch(payout_batch_id: str) -> Response:
    """Return a batch with a page of its items.

    Parameters: ``page``, ``page_size``, ``total_required``, ``fields``.
    https://developer.paypal.com/docs/api/payments.payouts-batch/v1/#payouts_get
    """
    page, page_size = _query_integer("page", 1), _query_integer("page_size", MAX_PAGE_SIZE)
    now = running_paypal().now()
    batch, items = _find_batch(payout_batch_id, (page - 1) * page_size, page_size, now)
    base = link_base()
    body: dict[str, Any] = {}
    pages = -(-batch.item_count // page_size)
    if _query_flag("total_required"):
        body |= {"total_items": batch.item_count, "total_pages": min(pages, 1000)}
    body |= {
        "batch_header": bodies.batch_header(batch, now),
        "items": [bodies.batch_item(item, now, base, _rates()) for item in items],
        "links": [bodies.batch_link(base, payout_batch_id)],
    }
    if page < pages:
        following = f"{payout_batch_id}?page={page + 1}&page_size={page_size}"
        body["links"].append(bodies.batch_link(base, following, "next"))
    fields = request.args.get("fields")
    return jsonify(bodies.only_fields(body, fields) if fields else body)


@blueprint.get("/payouts-item/<payout_item_id>")
@blueprint.get("/payouts-items/<payout_item_id>")
def show_item(payout_item_id: str) -> Response:
    """Return an item; 404 INVALID_RESOURCE_ID.

    PayPal's test values also write ``payouts-items``.
    https://developer.paypal.com/docs/api/payments.payouts-batch/v1/#payouts-item_get
    """
    now = running_paypal().now()
    item = samples.sample_item(payout_item_id, now) or _find_item(payout_item_id, now)
    return jsonify(bodies.single_item(item, now, link_base(), _rates()))


@blueprint.post("/payouts-item/<payout_item_id>/cancel")
def cancel_item(payout_item_id: str) -> Response:
    """Return an UNCLAIMED item to the sender; 400 where it is anything else, 404 where unknown.

    https://developer.paypal.com/docs/api/payments.payouts-batch/v1/#payouts-item_cancel
    """
    running = running_paypal()
    now = running.now()
    item = samples.sample_cancel(payout_item_id, now)
    if item is None:
        cancelled = running.state.cancel(payout_item_id, now)
        item = _find_item(payout_item_id, now)
        if not cancelled:
            raise PayPalError(_why_not_cancelled(item, now))
        running.announce([StatusChange("item", payout_item_id, now)])
    return jsonify(bodies.single_item(item, now, link_base(), _rates()))


def read_json() -> Any:
    """Read the body as JSON; 415 for another media type, 400 where it cannot be parsed."""
    if request.mimetype != "application/json":
        raise PayPalError("UNSUPPORTED_MEDIA_TYPE")
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError):
        malformed = [detail("body", "JSON request is malformed")]
        raise PayPalError("VALIDATION_ERROR", malformed) from None


def base_url() -> str:
    """Return the simulator's address as the caller knows it."""
    return request.host_url.rstrip("/")


def link_base() -> str:
    """Return the address that the links in answers name."""
    return running_paypal().link_base(base_url())


def changes_of(state: PayPalState, batch: PayPalBatch) -> Iterator[StatusChange]:
    """Yield all future changes of a batch that need no call."""
    yield StatusChange("batch", batch.payout_batch_id, batch.processing_at)
    for item in state.batch_items(batch.payout_batch_id, 0, batch.item_count, batch.created_at):
        yield StatusChange("item", item.payout_item_id, batch.settle_at)
        if item.later_at is not None:
            yield StatusChange("item", item.payout_item_id, item.later_at)
    yield StatusChange("batch", batch.payout_batch_id, batch.settle_at)


def _refuse_by_test_value(new: PayPalBatchRequest) -> None:
    name = outcomes.REFUSING_NOTES.get(new.items[0].note or "")
    if name == "VALIDATION_ERROR":
        raise PayPalError(name, [detail("items[0].note", "Simulated by the note")])
    if name is not None:
        raise PayPalError(name)
    if new.sender_batch_id == outcomes.VENMO_NOTE_MISSING:
        missing = detail("items[0].note", "Note is required for a payout to Venmo")
        raise PayPalError("VALIDATION_ERROR", [missing])


def _funds(running: PayPalSimulator, currency: str) -> int | None:
    value = running.settings.balance.get(currency)
    return None if value is None else int(Decimal(value).scaleb(DECIMALS[currency]))


def _rates() -> Mapping[str, str]:
    return running_paypal().settings.exchange


def _duplicate(payout_batch_id: str) -> dict[str, Any]:
    """Return the detail that PayPal sends; its ``link`` is missing in the description."""
    found = detail("SENDER_BATCH_ID", "Batch with given sender_batch_id already exists")
    return found | {"link": [bodies.batch_link(link_base(), payout_batch_id)]}


def _find_batch(
    payout_batch_id: str, offset: int, limit: int, now: int
) -> tuple[PayPalBatch, list[PayPalItem]]:
    sample = samples.sample_batch(payout_batch_id, now)
    if sample is not None:
        return sample[0], [sample[1]][offset : offset + limit]
    state = running_paypal().state
    batch = state.batch(payout_batch_id)
    if batch is None:
        raise PayPalError("INVALID_RESOURCE_ID")
    return batch, state.batch_items(payout_batch_id, offset, limit, now)


def _find_item(payout_item_id: str, now: int) -> PayPalItem:
    item = running_paypal().state.item(payout_item_id, now)
    if item is None:
        raise PayPalError("INVALID_RESOURCE_ID")
    return item


def _why_not_cancelled(item: PayPalItem, now: int) -> str:
    if now < item.settle_at:
        return "BATCH_NOT_COMPLETED"
    if item.cancelled_at is not None:
        return "ITEM_ALREADY_CANCELLED"
    return "ITEM_INCORRECT_STATUS"


def _query_integer(name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:5]) <= 1000 and len(text) <= 4):
        issue = "Must be a whole number from 1 to 1000"
        raise PayPalError("VALIDATION_ERROR", [detail(name, issue, "query")])
    return int(text)


def _query_flag(name: str) -> bool:
    text = request.args.get(name, "false").lower()
    if text not in ("true", "false"):
        raise PayPalError("VALIDATION_ERROR", [detail(name, "Must be true or false", "query")])
    return text == "true"
