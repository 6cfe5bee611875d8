"""Approvals: the queue, and decisions about one or several payments at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from flask import Response, render_template, request
from marshmallow import Schema

from paymentapp.api.blueprint import actor, services
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import (
    asked,
    cursor_text,
    filled,
    form_page,
    loaded,
    require_also,
)
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.actors import APPROVE, PAYMENTS_READ
from paymentapp.models.approvals import NOTE_MAX
from paymentapp.models.customers import CUSTOMER_ID_PATTERN
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.schemas.account_payments import AccountCursor, AccountQuerySchema
from paymentapp.schemas.approvals import ApprovalNoteSchema
from paymentapp.schemas.common import PAYMENT_ID_PATTERN
from paymentapp.schemas.holds import ReasonSchema
from paymentapp.services.decisions import (
    Decided,
    candidates,
    decide,
    selection,
    totals_of,
)

PAGE = 50
CHOSEN_MAX = 2 * PAGE  # payments of one decision
REJECT = "reject"
Act = Callable[[PaymentKey], Payment]
NOTHING = {"": "Nothing was decided: choose payments first."}


@blp.get("/approvals")
@requires(PAYMENTS_READ)
def approvals() -> Response:
    """Show the payments that await approval, a page at a time."""
    return _queue({})


@blp.post("/approvals/confirm")
@requires(APPROVE)
def approvals_confirm() -> Response:
    """Ask whether to approve or reject the chosen payments: how many, and their sums."""
    require_also(PAYMENTS_READ)
    keys = _chosen()
    if not keys:
        return _queue(NOTHING)
    return _confirm(keys, {})


@blp.post("/approvals")
@requires(APPROVE)
def approvals_decide() -> Response:
    """Approve or reject payments; say of each that could not be decided why."""
    require_also(PAYMENTS_READ)
    keys = _chosen()
    if not keys:
        return _queue(NOTHING)
    sent = loaded(_schema(), filled("reason" if _is_rejection() else "note"))
    if sent.problems:
        return _confirm(keys, sent.problems)
    results = decide(keys, _rejects(sent.value) if _is_rejection() else _approves(sent.value))
    if all(each.problem is None for each in results):
        done = "rejected" if _is_rejection() else "approved"
        return go_to("approvals", done=done, count=len(results))
    return _results(results)


def _rejects(sent: dict[str, str]) -> Act:
    return partial(services().approvals.reject, by=actor(), reason=sent["reason"])


def _approves(sent: dict[str, str]) -> Act:
    """Return what approves a payment, unless its payee is not the one that was shown."""
    here, by, note = services(), actor(), sent.get("note", "")
    pairs = (each.rpartition("/") for each in request.form.getlist("seen"))
    seen = {payment: version for payment, _, version in pairs}

    return lambda key: here.approvals.approve(key, by, note, seen.get("/".join(key)))


def _is_rejection() -> bool:
    return request.form.get("decision") == REJECT


def _schema() -> Schema:
    return ReasonSchema() if _is_rejection() else ApprovalNoteSchema()


def _chosen() -> list[PaymentKey]:
    """Return the payments whose boxes are checked; what is no key is left out."""
    keys = [PaymentKey(*each.partition("/")[::2]) for each in request.form.getlist("payment")]
    return [key for key in keys if _is_key(key)][:CHOSEN_MAX]


def _is_key(key: PaymentKey) -> bool:
    patterns = zip((CUSTOMER_ID_PATTERN, PAYMENT_ID_PATTERN), key, strict=True)
    return all(re.fullmatch(pattern, text) for pattern, text in patterns)


def _queue(problems: Mapping[str, str]) -> Response:
    here, by = services(), actor()
    sent = loaded(AccountQuerySchema(), {**asked("cursor"), "limit": str(PAGE)})
    query = AccountQuery(
        PAGE,
        status=Status.AWAITING_APPROVAL,
        before=None if sent.problems else sent.value.before,
    )
    payments, last_read = here.payments.list_account(query)
    count = request.args.get("count", "")
    return form_page(
        "approvals",
        problems,
        queue=list(
            zip(map(here.payees.shown, payments), candidates(here.store, payments, by), strict=True)
        ),
        totals=totals_of(payments),
        next_cursor=cursor_text(AccountCursor(), last_read),
        first=query.before is None,
        all_checked="all" in request.args,
        done=request.args.get("done", ""),
        count=int(count) if count.isascii() and count.isdigit() and len(count) < 5 else 0,
        rules=here.approval_rules.rules,
    )


def _confirm(keys: Sequence[PaymentKey], problems: Mapping[str, str]) -> Response:
    here = services()
    chosen = selection(here.store, keys, actor(), approve=not _is_rejection())
    return form_page(
        "approvals_confirm",
        problems,
        chosen=chosen,
        shown={each.payment.key: here.payees.shown(each.payment) for each in chosen.candidates},
        leaving=totals_of(each.payment for each in chosen.leaving),
        rejects=_is_rejection(),
        given=request.form,
        note_max=NOTE_MAX,
    )


def _results(results: Sequence[Decided]) -> Response:
    rejects = _is_rejection()
    page = render_template("console/approvals_results.html", results=results, rejects=rejects)
    return Response(page)
