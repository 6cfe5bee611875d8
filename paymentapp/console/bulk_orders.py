"""Orders for every payment of a bulk run: each asks on a page of its own first."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import Response, make_response, render_template, request

from paymentapp.api.blueprint import actor, services
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import one_line
from paymentapp.models.actors import APPROVE, HOLD, PAYMENTS_WRITE, Actor
from paymentapp.models.bulk import PAID_STATUSES, BulkRun
from paymentapp.models.holds import REASON_MAX

_OWN = "You have asked for this run: somebody else approves or rejects it."
_REASON_NEEDED = f"Write why, in 1 to {REASON_MAX} characters: it is kept with the run."
_NOTE_WRONG = f"A note has at most {REASON_MAX} characters."


class RunOrder(NamedTuple):
    """What can be done with a run as one, and which of these rights it takes."""

    name: str
    title: str
    button: str
    scopes: tuple[str, ...]
    text: str = ""  # the label of the text that is kept with it; empty: there is none
    text_needed: bool = False
    danger: bool = False


ORDERS = (
    RunOrder(
        "approve", "Approve this run", "Approve all of them", (APPROVE,), "Note (what was checked)"
    ),
    RunOrder(
        "reject", "Reject this run", "Reject all of them", (APPROVE,), "Reason", True, danger=True
    ),
    RunOrder("hold", "Hold this run", "Hold it", (HOLD,), "Reason", True),
    RunOrder("release", "Release this run", "Release it", (HOLD,)),
    RunOrder(
        "cancel", "Cancel this run", "Cancel all of them", (PAYMENTS_WRITE, HOLD), danger=True
    ),
)


class OfferedOrder(NamedTuple):
    """An order that makes sense now, and why this person cannot give it; empty where they can."""

    order: RunOrder
    why_not: str


def is_moving(run: BulkRun) -> bool:
    """Return whether a run, or an order for it, is being worked off."""
    return (run.is_open and (not run.held_by or bool(run.cancelled_by))) or run.has_open_order


def offered_orders(run: BulkRun, by: Actor) -> list[OfferedOrder]:
    """Return the orders that make sense for a run, in the order of their buttons."""
    return [OfferedOrder(each, _why_not(each, run, by)) for each in ORDERS if _fits(each, run)]


def _fits(order: RunOrder, run: BulkRun) -> bool:
    if order.name == "hold":
        may_be_held = run.is_open or (run.status in PAID_STATUSES and run.accepted > 0)
        return may_be_held and not run.held_by and not run.cancelled_by
    if order.name == "release":
        return bool(run.held_by)
    if run.has_open_order or (run.is_dry and not run.is_open):
        return False
    if order.name == "cancel":
        return run.is_open or run.accepted > 0
    return run.status in PAID_STATUSES and run.total > run.rejected


def _why_not(order: RunOrder, run: BulkRun, by: Actor) -> str:
    is_own = run.created_by in by.identities
    if not any(map(by.may, order.scopes)):
        return f"This takes the right {' or '.join(order.scopes)}."
    if APPROVE in order.scopes and is_own:
        return _OWN
    if order.name == "cancel" and not is_own and not by.may(HOLD):
        return f"Another client's run: this takes the right {HOLD}."
    return ""


def _carry_out(order: RunOrder, bulk_id: str, text: str) -> BulkRun:
    """Give an order. Raises NotFound, NotAllowed, Conflict."""
    runs, by = services().bulk_runs, actor()
    steps: dict[str, Callable[[], BulkRun]] = {
        "approve": lambda: runs.approve(bulk_id, by, text),
        "reject": lambda: runs.reject(bulk_id, by, text),
        "hold": lambda: runs.hold(bulk_id, text, by),
        "release": lambda: runs.release(bulk_id, by),
        "cancel": lambda: runs.cancel(bulk_id, by),
    }
    return steps[order.name]()


def _text_error(order: RunOrder, text: str) -> str:
    if len(text) > REASON_MAX or not (text.isprintable() or not text):
        return _REASON_NEEDED if order.text_needed else _NOTE_WRONG
    return _REASON_NEEDED if order.text_needed and not text else ""


def _page(order: RunOrder, bulk_id: str, error: str = "") -> str:
    run = services().bulk_runs.get(bulk_id)
    return render_template(
        "console/bulk_order.html",
        run=run,
        order=order,
        fits=_fits(order, run),
        why_not=_why_not(order, run, actor()),
        error=error,
        text=one_line("text"),
        text_max=REASON_MAX,
    )


def _register(order: RunOrder) -> None:
    @requires(*order.scopes)
    def view(bulk_id: str) -> Response | str:
        """Ask whether to give an order, or give it."""
        if request.method != "POST":
            return _page(order, bulk_id)
        text = one_line("text")
        error = _text_error(order, text)
        if error:
            return make_response(_page(order, bulk_id, error), 422)
        _carry_out(order, bulk_id, text)
        return go_to("bulk_show", bulk_id=bulk_id, done=order.name)

    rule = f"/bulk/<bulk_id:bulk_id>/{order.name}"
    blp.add_url_rule(rule, f"bulk_{order.name}", view, methods=["GET", "POST"])


for _order in ORDERS:
    _register(_order)
