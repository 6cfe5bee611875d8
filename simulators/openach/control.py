"""Control endpoints, not part of OpenACH: settings, ledger, the nightly run, what operators do."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from simulators.common.control import ControlError, changed_settings, problem, read_object
from simulators.openach.core import running_openach

blueprint = Blueprint("openach_control", __name__, url_prefix="/_simulator/openach")
blueprint.register_error_handler(ControlError, problem)
_STATUSES = {"payment_profile_status", "external_account_status", "payment_schedule_status"}


@blueprint.get("/settings")
def show_settings() -> Response:
    """Return all settings; a secret shows as asterisks."""
    return jsonify(running_openach().settings.as_json())


@blueprint.put("/settings")
def change_settings() -> Response:
    """Change the settings that the object names, keep the rest; 400 names the first invalid key."""
    return changed_settings(running_openach())


@blueprint.get("/ledger")
def show_ledger() -> Response:
    """Return all schedules, and all entries that nightly runs have made of them."""
    with running_openach().books() as books:
        return jsonify({"schedules": books.all_schedules(), "entries": books.entries()})


@blueprint.delete("/ledger")
def reset_ledger() -> Response:
    """Delete all records and calls: ``{"deleted": entries}``."""
    return jsonify({"deleted": running_openach().reset()})


@blueprint.post("/run")
def run() -> Response:
    """Let the nightly run come now: ``{"entries": n}``."""
    with running_openach().books() as books:
        return jsonify({"entries": books.nightly_run()})


@blueprint.delete("/sessions")
def end_sessions() -> Response:
    """End all sessions."""
    running_openach().end_sessions()
    return jsonify({})


@blueprint.delete("/profiles/<external_id>")
def delete_profile(external_id: str) -> Response:
    """Delete a profile, as an operator of the server may; its entries stay."""
    with running_openach().books() as books:
        profile = books.profile_of(external_id)
        if profile is None:
            raise ControlError(404, "no such profile")
        books.delete_profile(profile["payment_profile_id"])
    return jsonify({})


@blueprint.put("/profiles/<external_id>")
def change_statuses(external_id: str) -> Response:
    """Set statuses of a profile, its accounts and schedules, as an operator of the server may."""
    wanted = read_object()
    if not set(wanted) <= _STATUSES:
        raise ControlError(400, f"the members are {', '.join(sorted(_STATUSES))}")
    with running_openach().books() as books:
        profile = books.profile_of(external_id)
        if profile is None:
            raise ControlError(404, "no such profile")
        profile_id = profile["payment_profile_id"]
        books.save_profile(_changed(profile, wanted))
        for account in books.accounts(profile_id):
            books.save_account(_changed(account, wanted))
        for schedule in books.schedules(profile_id):
            books.save_schedule(_changed(schedule, wanted))
    return jsonify({})


def _changed(record: dict[str, object], wanted: dict[str, object]) -> dict[str, object]:
    return record | {name: status for name, status in wanted.items() if name in record}
