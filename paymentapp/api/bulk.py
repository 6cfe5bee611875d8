"""Bulk runs over HTTP: many payments by one request, and what became of each."""

from __future__ import annotations

from typing import Any

from paymentapp.api import bulk_docs, examples
from paymentapp.api.blueprint import Blueprint, actor, current_request, services
from paymentapp.api.bulk_bodies import bulk_rows
from paymentapp.api.responses import REPLAY, replay_header
from paymentapp.models.actors import APPROVE, HOLD, PAYMENTS_READ, PAYMENTS_WRITE
from paymentapp.models.bulk import BulkRun
from paymentapp.schemas.approvals import ApprovalNoteSchema
from paymentapp.schemas.bulk import (
    BulkPageSchema,
    BulkQuerySchema,
    BulkRowsSchema,
    BulkRunSchema,
    BulkTermsSchema,
    RowFilterSchema,
)
from paymentapp.schemas.headers import BulkHeadersSchema
from paymentapp.schemas.holds import ReasonSchema
from paymentapp.services.bulk.intake import BulkTerms

blp = Blueprint("bulk", __name__, description="Bulk runs: many payments by one request.")

_RUN = "/v1/api/bulk/<bulk_id:bulk_id>"
_HEADERS = {
    "Location": {"description": "URL of the run.", "schema": {"type": "string"}},
    **replay_header("made the run"),
}
_LINKS = {
    name: {
        "operationId": operation,
        "parameters": {"bulk_id": "$response.body#/bulk_id"},
    }
    for name, operation in {
        "run": "get_bulk_run",
        "rows": "list_bulk_rows",
        "cancellation": "cancel_bulk_run",
    }.items()
}


@blp.route("/v1/api/bulk", methods=["POST"])
@blp.requires(PAYMENTS_WRITE)
@blp.arguments(BulkHeadersSchema(), location="headers")
@blp.arguments(BulkTermsSchema(), location="query")
@blp.response(
    202,
    BulkRunSchema,
    description="Stored: its rows will be worked off",
    example=bulk_docs.TAKEN_IN,
    headers=_HEADERS,
)
@blp.documents(
    *bulk_docs.ASK, responses={202: {"links": _LINKS}}, requestBody=bulk_docs.REQUEST_BODY
)
def ask_bulk_run(
    headers: dict[str, Any], terms: dict[str, Any]
) -> tuple[BulkRun, int, dict[str, str]]:
    """Request many payments at once.

    The run is stored once this answers, and each row is paid once afterwards, whatever fails: show
    the run to follow it, and its rows for what became of each. A row that is not fine never makes
    the request fail. Send an `Idempotency-Key`, and retry with it when no answer came.
    """
    request = current_request()
    wanted = BulkTerms(terms["mode"], terms["dry_run"], terms["register"])
    key = headers.get("idempotency_key")
    run, replayed = services().bulk_intake.take_in(bulk_rows(request), wanted, actor(), key)
    location = f"{request.script_root}/v1/api/bulk/{run.bulk_id}"
    return run, 202, {"Location": location, **(REPLAY if replayed else {})}


@blp.route("/v1/api/bulk")
@blp.requires(PAYMENTS_READ)
@blp.arguments(BulkQuerySchema(), location="query")
@blp.response(200, BulkPageSchema, description="One page, newest first", example=bulk_docs.PAGE)
@blp.documents(*bulk_docs.LIST_RUNS)
def list_bulk_runs(query: dict[str, Any]) -> dict[str, Any]:
    """List the bulk runs, newest first."""
    runs, last_read = services().bulk_runs.page(query["limit"], query["cursor"])
    return {"runs": runs, "next_cursor": last_read}


@blp.route(_RUN)
@blp.requires(PAYMENTS_READ)
@blp.response(200, BulkRunSchema, description="The run", example=bulk_docs.RUN)
@blp.documents(bulk_docs.NO_RUN)
def get_bulk_run(bulk_id: str) -> BulkRun:
    """Show a bulk run and how far it has got."""
    return services().bulk_runs.get(bulk_id)


@blp.route(f"{_RUN}/rows")
@blp.requires(PAYMENTS_READ)
@blp.arguments(RowFilterSchema(), location="query")
@blp.response(200, BulkRowsSchema, description="One page of rows", example=bulk_docs.ROWS)
@blp.documents(*bulk_docs.LIST_ROWS)
def list_bulk_rows(query: dict[str, Any], bulk_id: str) -> dict[str, Any]:
    """List what became of the rows, in their order and as far as the run has got.

    A row has a payment, or errors that each name the field, what is wrong and what would do. While
    rows are checked, and in a dry run, a row that is fine has neither.
    """
    runs = services().bulk_runs
    rejected = {"accepted": False, "rejected": True}.get(query["status"])
    run, limit, after = runs.get(bulk_id), query["limit"], query["cursor"]
    outcomes, last_read = runs.outcomes(run, limit, rejected=rejected, after=after)
    return {"rows": runs.shown(outcomes), "next_cursor": last_read}


@blp.route(f"{_RUN}/hold", methods=["POST"])
@blp.requires(HOLD)
@blp.arguments(ReasonSchema(), example={"reason": bulk_docs.HELD["reason"]})
@blp.response(200, BulkRunSchema, description="Held", example=bulk_docs.HELD)
@blp.documents(*bulk_docs.HOLD)
def hold_bulk_run(body: dict[str, Any], bulk_id: str) -> BulkRun:
    """Hold a bulk run: until it is released, no row of it is made a payment, and none is sent.

    In force in every process within two seconds, also for the payments that the run has made, as
    long as their provider does not have them yet. Safe to repeat: the hold in force stays as it is.
    """
    return services().bulk_runs.hold(bulk_id, body["reason"], actor())


@blp.route(f"{_RUN}/release", methods=["POST"])
@blp.requires(HOLD)
@blp.response(200, BulkRunSchema, description="Released", example=bulk_docs.TAKEN_IN)
@blp.documents(bulk_docs.NO_RUN)
def release_bulk_run(bulk_id: str) -> BulkRun:
    """Release a bulk run that is held: it goes on where it was. Safe to repeat.

    Other holds of its payments stay in force.
    """
    return services().bulk_runs.release(bulk_id, actor())


@blp.route(f"{_RUN}/cancel", methods=["POST"])
@blp.requires(PAYMENTS_WRITE, HOLD)
@blp.response(
    200, BulkRunSchema, description="Cancelled, or about to be", example=bulk_docs.CANCELLED
)
@blp.documents(bulk_docs.NO_RUN, bulk_docs.ORDER_OPEN)
def cancel_bulk_run(bulk_id: str) -> BulkRun:
    """Cancel a bulk run: rows that have no payment yet get none, its payments are cancelled.

    Safe to repeat. `payments:write` cancels runs of the same client, `payments:hold` any. Payments
    that have left stay as they are; those that nobody has claimed are recalled.
    """
    return services().bulk_runs.cancel(bulk_id, actor())


@blp.route(f"{_RUN}/approve", methods=["POST"])
@blp.requires(APPROVE)
@blp.arguments(ApprovalNoteSchema(), required=False, example=examples.APPROVAL_NOTE)
@blp.response(200, BulkRunSchema, description="To be carried out", example=bulk_docs.APPROVED)
@blp.documents(*bulk_docs.APPROVE)
def approve_bulk_run(body: dict[str, Any], bulk_id: str) -> BulkRun:
    """Approve every payment of a bulk run that awaits approval, once its rows are worked off.

    Whoever asked for the run cannot approve it. A payment that needs another approver still awaits
    that one.
    """
    return services().bulk_runs.approve(bulk_id, actor(), body.get("note", ""))


@blp.route(f"{_RUN}/reject", methods=["POST"])
@blp.requires(APPROVE)
@blp.arguments(ReasonSchema(), example=examples.REJECTION)
@blp.response(200, BulkRunSchema, description="To be carried out", example=bulk_docs.REJECTED)
@blp.documents(*bulk_docs.REJECT)
def reject_bulk_run(body: dict[str, Any], bulk_id: str) -> BulkRun:
    """Reject every payment of a bulk run that awaits approval, once its rows are worked off."""
    return services().bulk_runs.reject(bulk_id, actor(), body["reason"])
