"""Batches: those that are open or failing, those that are parked, and what an operator decides."""

from __future__ import annotations

import re

from flask import Response, make_response, render_template, request
from werkzeug.exceptions import BadRequest

from paymentapp.api.blueprint import actor, services
from paymentapp.console.backoffice import backoffice
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import chosen, note_error, one_line, position
from paymentapp.errors import Conflict, NotFound, ProviderError
from paymentapp.models.actors import ADMIN, HOLD, PAYMENTS_READ
from paymentapp.models.batches import Batch, BatchState, Resolution
from paymentapp.services.backoffice.parked_batches import OperatorNote, ParkedCase
from paymentapp.services.dispatch.batching import members_of
from paymentapp.services.dispatch.parking import parking_rule

_MEMBERS, _LISTED = 50, 50  # on a page
_REFERENCE_MAX = 128
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_NO_ANSWER = "Its provider cannot be asked now ({}): nothing was recorded. Try again later."


@blp.get("/batches")
@requires(PAYMENTS_READ)
def batches() -> Response | str:
    """List batches that are parked, and those that are open; or go to the one that is named."""
    wanted = request.args.get("id", "").strip()
    if wanted:
        return go_to("batches_show", batch_id=_checked(wanted))
    show = chosen("show", ("all", "failing"))
    office = backoffice().open_batches
    found, parked = office.list(failing=show == "failing"), office.parked()
    return render_template(
        "console/batches.html",
        show=show,
        batches=found.batches[:_LISTED],
        more=len(found.batches) > _LISTED or not found.complete,
        parked=parked[:_LISTED],
        parked_count=len(parked),
        in_words=in_words,
    )


@blp.get("/batches/<batch_id>")
@requires(PAYMENTS_READ)
def batches_show(batch_id: str) -> str:
    """Show a batch, and a page of its members."""
    shown = backoffice().open_batches.show(_checked(batch_id), position(), _MEMBERS)
    return render_template(
        "console/batches_show.html",
        shown=shown,
        batch=shown.batch,
        first=position(),
        words=in_words(shown.batch),
        may_park=may_park(shown.batch),
        done=request.args.get("done"),
    )


@blp.route("/batches/<batch_id>/park", methods=["GET", "POST"])
@requires(HOLD)
def batches_park(batch_id: str) -> Response | str:
    """Ask whether a batch is not to be sent again, or park it."""
    note, error = one_line("note"), ""
    if request.method == "POST":
        error = note_error(note)
        if not error:
            backoffice().parked.park(_checked(batch_id), OperatorNote(actor().name, note))
            return go_to("batches_show", batch_id=batch_id, done="park")
    shown = backoffice().open_batches.show(_checked(batch_id), 0, 1)
    page = render_template(
        "console/batches_park.html",
        shown=shown,
        batch=shown.batch,
        possible=may_park(shown.batch),
        note=note,
        error=error,
    )
    return make_response(page, 422 if error else 200)


@blp.get("/batches/<batch_id>/resolve")
@requires(PAYMENTS_READ)
def batches_resolve(batch_id: str) -> str:
    """Show the evidence for a parked batch, and what each decision means."""
    return _resolve_page(_checked(batch_id))


@blp.post("/batches/<batch_id>/search")
@requires(HOLD)
def batches_search(batch_id: str) -> str:
    """Search the provider's books for a parked batch now; whoever asks waits for that."""
    batch = services().store.get_batch(_checked(batch_id))
    can_be_asked = batch is not None and batch.provider in services().providers
    if batch is None or batch.state is not BatchState.PARKED or not can_be_asked:
        return _resolve_page(batch_id)
    case = ParkedCase(batch, members_of(services().store, batch))
    return _resolve_page(batch_id, answer=backoffice().parked.search_result(case))


@blp.post("/batches/<batch_id>/resolve")
@requires(ADMIN)
def batches_resolve_now(batch_id: str) -> Response:
    """Record what became of a parked batch: its provider has it, or has done nothing with it."""
    try:
        resolution = Resolution(request.form.get("resolution", ""))
    except ValueError:
        raise BadRequest("Choose what became of the batch.") from None
    errors = _errors(resolution, batch_id)
    if errors:
        return make_response(_resolve_page(_checked(batch_id), errors), 422)
    try:
        _record(resolution, _checked(batch_id))
    except Conflict as error:
        return make_response(_resolve_page(batch_id, {"all": str(error)}), 409)
    except ProviderError as error:
        refused = {"all": _NO_ANSWER.format(error.code)}
        return make_response(_resolve_page(batch_id, refused), 502)
    return go_to("batches_show", batch_id=batch_id, done=resolution.value)


def _record(resolution: Resolution, batch_id: str) -> Batch:
    note = OperatorNote(actor().name, one_line("note"))
    parked = backoffice().parked
    if resolution is Resolution.NOT_SENT:
        return parked.not_sent(batch_id, note)
    confirmed = request.form.get("confirmed") == "yes"
    return parked.accept(batch_id, one_line("reference"), note, confirmed=confirmed)


def _errors(resolution: Resolution, batch_id: str) -> dict[str, str]:
    """Return what is wrong with the form, by field."""
    errors = {"note": note_error(one_line("note"))}
    if resolution is Resolution.ACCEPTED:
        reference = one_line("reference")
        if not 0 < len(reference) <= _REFERENCE_MAX or not reference.isprintable():
            errors["reference"] = "Write the provider's own id of the batch."
    elif one_line("again") != batch_id:
        errors["again"] = "Write the id of this batch once more: it is not the same."
    return {name: text for name, text in errors.items() if text}


def _resolve_page(batch_id: str, errors: dict[str, str] | None = None, *, answer: str = "") -> str:
    shown = backoffice().open_batches.show(batch_id, 0, _MEMBERS)
    batch, provider = shown.batch, services().providers.get(shown.batch.provider)
    return render_template(
        "console/batches_resolve.html",
        shown=shown,
        batch=batch,
        is_parked=batch.state is BatchState.PARKED,
        words=in_words(batch),
        rule=parking_rule(provider) if provider else "",
        answer=answer,
        errors=errors or {},
        form={**request.form.to_dict(), "note": one_line("note")},
    )


def may_park(batch: Batch) -> bool:
    """Return whether a batch may have been sent, and would be sent again."""
    return batch.state is BatchState.FROZEN and not batch.certainly_unsent


def in_words(batch: Batch) -> tuple[str, str]:
    """Return what goes on with a batch, in words, and the kind of its tag."""
    if batch.lacks_funds:
        return "waits for funds", "warn"
    if batch.failure is not None:
        sure = "certainly not sent" if batch.certainly_unsent else "not known whether it was sent"
        return f"failing: {sure}", "bad"
    return _STATES[batch.state]


_STATES = {
    BatchState.PREPARED: ("being put together", ""),
    BatchState.FROZEN: ("being sent", ""),
    BatchState.ACCEPTED: ("at the provider, followed", "good"),
    BatchState.REFUSED: ("refused: its payments are released", "bad"),
    BatchState.ABORTED: ("not sent: its payments are released", "warn"),
    BatchState.CLOSED: ("done", "good"),
    BatchState.PARKED: ("parked: a person decides", "bad"),
}


def _checked(batch_id: str) -> str:
    """Return an id that may be a batch's. Raises NotFound."""
    if not _ID.fullmatch(batch_id):
        raise NotFound("There is no such batch.")
    return batch_id
