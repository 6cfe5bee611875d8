"""Bulk runs: send a file, see what is wrong with it, have its rows paid, and follow the run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from flask import Response, make_response, render_template, request
from werkzeug.exceptions import RequestEntityTooLarge

from paymentapp.api.blueprint import actor, services
from paymentapp.api.bulk_bodies import BULK_MAX_BYTES
from paymentapp.api.report_streams import until_failure
from paymentapp.console.backoffice import backoffice
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.bulk_orders import is_moving, offered_orders
from paymentapp.console.errors import error_page
from paymentapp.console.forms import chosen, cursor, new_key, position, sent_key
from paymentapp.errors import KeyReused, Unprocessable
from paymentapp.exports.text import table_csv
from paymentapp.models.actors import PAYMENTS_READ, PAYMENTS_WRITE
from paymentapp.models.bulk import (
    BULK_ID_PATTERN,
    BulkMode,
    BulkRow,
    BulkRun,
    BulkStatus,
    RowOutcome,
)
from paymentapp.models.payments import PaymentKey
from paymentapp.payment_files.text import UnreadableFile
from paymentapp.schemas.bulk_rows import COLUMNS, rows_of_table
from paymentapp.services.bulk.intake import BulkTerms
from paymentapp.services.bulk.runs import BulkRuns

_RUNS, _ROWS = 25, 50  # on a page
_DOWNLOADED = 1000  # rows that are read at a time
_PIECE = 64 * 1024
_PASTE_MAX = 400_000  # characters; the form's limit is 500,000 bytes (Werkzeug's)
_TOO_LARGE = (
    "A file may have at most 32 MB, and rows that are pasted at most 500 kB. Send more rows as a "
    "file, and split a file that is larger: each part is a run of its own."
)
_DEFAULT = BulkTerms()
_NOTHING = "Choose a file, or paste rows."
_BOTH = "Choose a file or paste rows: not both."
_REJECTED = {"all": None, "rejected": True, "fine": False}


@blp.get("/bulk")
@requires(PAYMENTS_READ)
def bulk() -> str:
    """List the runs, newest first, below the form of a new one."""
    return _list_page()


def _list_page(terms: BulkTerms = _DEFAULT, text: str = "", error: str = "") -> str:
    return render_template(
        "console/bulk.html",
        page=services().bulk_runs.page(_RUNS, cursor(BULK_ID_PATTERN)),
        terms=terms,
        text=text,
        error=error,
        idempotency_key=new_key(),
        columns=COLUMNS,
        file_max=BULK_MAX_BYTES,
        text_max=_PASTE_MAX,
    )


@blp.url_value_preprocessor
def _bound_upload(endpoint: str | None, _values: object) -> None:
    """Bound the body of a file before its form is read, which has the session's token."""
    if endpoint == f"{blp.name}.bulk_upload":
        request.max_content_length = BULK_MAX_BYTES


@blp.errorhandler(RequestEntityTooLarge)
def _too_large(error: RequestEntityTooLarge) -> Response:
    upload = (request.endpoint or "") == f"{blp.name}.bulk_upload"
    return error_page(413, "That is too large", _TOO_LARGE if upload else error.description or "")


@blp.post("/bulk")
@requires(PAYMENTS_WRITE)
def bulk_upload() -> Response:
    """Have the rows of a file checked: a dry run, which pays nothing."""
    terms = BulkTerms(_sent_mode(), True, request.form.get("register") == "yes")
    try:
        return go_to("bulk_show", bulk_id=_checked(terms).bulk_id)
    except UnreadableFile as error:
        column = f", column {error.column}" if error.column else ""
        wrong = f"Line {error.line}{column}: {error.message}"
    except Unprocessable as error:
        wrong = str(error)
    return make_response(_list_page(terms, request.form.get("text", ""), wrong), 422)


def _sent_mode() -> BulkMode:
    return BulkMode.EACH if request.form.get("mode") == BulkMode.EACH else BulkMode.ALL


def _checked(terms: BulkTerms) -> BulkRun:
    """Take in what was sent. Raises Unprocessable, UnreadableFile, NotAllowed."""
    file, text = request.files.get("file"), request.form.get("text", "").strip()
    has_file = file is not None and bool(file.filename)
    if has_file == bool(text):
        raise Unprocessable("file", _BOTH if text else _NOTHING)

    def rows() -> Iterator[BulkRow]:
        if file is None or not has_file:
            return rows_of_table([text.encode()])
        file.stream.seek(0)
        return rows_of_table(iter(partial(file.stream.read, _PIECE), b""))

    take_in, by = services().bulk_intake.take_in, actor()
    try:
        return take_in(rows(), terms, by, f"check {sent_key()}").run
    except KeyReused:  # another file by the same form: nothing is paid, so that each is checked
        return take_in(rows(), terms, by).run


@blp.get("/bulk/template.csv")
@requires(PAYMENTS_READ)
def bulk_template() -> Response:
    """Send the first line of a file, with the name of each column."""
    return _csv("payments.csv", table_csv(COLUMNS.known, []))


@blp.get("/bulk/<bulk_id:bulk_id>")
@requires(PAYMENTS_READ)
def bulk_show(bulk_id: str) -> str:
    """Show a run, how far it has got, and a page of its rows."""
    runs = services().bulk_runs
    run = runs.get(bulk_id)
    wanted = chosen("rows", ("rejected", "all", "fine") if run.rejected else tuple(_REJECTED))
    page = runs.outcomes(run, _ROWS, rejected=_REJECTED[wanted], after=position())
    keys = [_key_of(each) for each in page.outcomes if each.payment_id]
    checked = backoffice().checked_runs
    return render_template(
        "console/bulk_show.html",
        run=run,
        moving=is_moving(run),
        orders=offered_orders(run, actor()),
        paid_by=checked.paid_by(run) if run.is_dry else None,
        is_own=run.created_by in actor().identities,
        wanted=wanted,
        page=page,
        payments=services().store.get_payments(keys),
        key_of=_key_of,
        done=request.args.get("done"),
    )


def _key_of(outcome: RowOutcome) -> PaymentKey:
    return PaymentKey(outcome.customer_id, outcome.payment_id or "")


@blp.get("/bulk/<bulk_id:bulk_id>/progress")
@requires(PAYMENTS_READ)
def bulk_progress(bulk_id: str) -> Response:
    """Send the part of a run's page that changes; the whole page is loaded again at its end."""
    run = services().bulk_runs.get(bulk_id)
    moving = is_moving(run)
    answer = make_response(render_template("console/_bulk_progress.html", run=run, moving=moving))
    if not moving:
        answer.headers["HX-Refresh"] = "true"
    return answer


@blp.get("/bulk/<bulk_id:bulk_id>/errors.csv")
@requires(PAYMENTS_READ)
def bulk_errors(bulk_id: str) -> Response:
    """Send what is wrong with each row, to be mended where the file came from."""
    run = services().bulk_runs.get(bulk_id)
    names = "line", "customer_id", "column", "what_is_wrong"
    content = table_csv(names, _errors(services().bulk_runs, run))
    return _csv(
        f"errors-{bulk_id}.csv", until_failure(content, f"the list of errors of bulk run {bulk_id}")
    )


def _errors(runs: BulkRuns, run: BulkRun) -> Iterator[tuple[str, ...]]:
    after: int | None = 0
    while after is not None:
        page = runs.outcomes(run, _DOWNLOADED, rejected=True, after=after)
        for each in page.outcomes:
            for problem in each.problems:
                yield str(each.line), each.customer_id, *problem
        after = page.last_read


def _csv(name: str, content: Iterator[bytes]) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, content_type="text/csv; charset=utf-8", headers=headers)


@blp.get("/bulk/<bulk_id:bulk_id>/pay")
@requires(PAYMENTS_WRITE)
def bulk_pay(bulk_id: str) -> str:
    """Say what paying the rows of a dry run will do, and ask."""
    run = services().bulk_runs.get(bulk_id)
    return render_template(
        "console/bulk_pay.html",
        run=run,
        is_ready=run.is_dry and run.status is BulkStatus.CHECKED and run.accepted > 0,
        is_own=run.created_by in actor().identities,
        paid_by=backoffice().checked_runs.paid_by(run) if run.is_dry else None,
    )


@blp.post("/bulk/<bulk_id:bulk_id>/pay")
@requires(PAYMENTS_WRITE)
def bulk_pay_now(bulk_id: str) -> Response:
    """Request the payments of a dry run's rows: once, however often the form is sent."""
    paid = backoffice().checked_runs.pay(bulk_id, _sent_mode(), actor())
    done = "paid-before" if paid.replayed else "paid"
    return go_to("bulk_show", bulk_id=paid.run.bulk_id, done=done)
