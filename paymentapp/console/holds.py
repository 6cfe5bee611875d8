"""Holds: the stop button, what is held and why, and going on."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, request

from paymentapp.api.blueprint import actor, services
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import Sent, filled, form_page, loaded
from paymentapp.errors import NotFound, NothingToHold
from paymentapp.models.actors import HOLD
from paymentapp.models.holds import REASON_MAX, Hold, HoldScope
from paymentapp.schemas.holds import NewHoldSchema
from paymentapp.services.hold_effects import effect_of

SHOWN_MAX = 200  # of the holds in force
RELEASED_MAX = 20  # of the holds that are not in force any more
_VALUES = tuple(f"value_{scope}" for scope in HoldScope if scope is not HoldScope.ALL)
_NEEDED = {
    HoldScope.PROVIDER: "Choose the payment method.",
    HoldScope.CUSTOMER: "Give the customer's id.",
    HoldScope.PAYMENT: "Give CUSTOMER_ID/PAYMENT_ID.",
    HoldScope.BULK: "Give the id of the bulk run.",
}


@blp.get("/holds")
@requires(HOLD)
def holds() -> Response:
    """Show the holds in force, those that were released of late, and the form of a new one."""
    scope = request.args.get("scope", "")
    given = {"scope": scope, f"value_{scope}": request.args.get("value", "")}
    return _page(given, {})


@blp.post("/holds/confirm")
@requires(HOLD)
def holds_confirm() -> Response:
    """Ask whether to place a hold: what it stops, and what it does not."""
    sent = _wanted()
    if sent.problems:
        return _page(request.form, sent.problems)
    scope, value = sent.value["scope"], sent.value["value"]
    try:
        services().holds.check(scope, value)
    except NothingToHold as error:
        return _page(request.form, {f"value_{scope}": str(error)})
    effect = effect_of(services().store, scope, value)
    return form_page("holds_confirm", {}, wanted=sent.value, effect=effect, hold=None)


@blp.post("/holds")
@requires(HOLD)
def holds_place() -> Response:
    """Place a hold."""
    sent = loaded(NewHoldSchema(), {"value": "", **filled("scope", "value", "reason")})
    if sent.problems:
        return _page(request.form, sent.problems)
    wanted = sent.value
    placed = services().holds.place(wanted["scope"], wanted["value"], wanted["reason"], actor())
    return go_to("holds", done="held" if placed.new else "held-already")


@blp.get("/holds/<hold_id:hold_id>/release")
@requires(HOLD)
def holds_release(hold_id: str) -> Response:
    """Ask whether to release a hold: what goes on then, and what stays held all the same."""
    in_force = services().holds.current()
    hold = next((each for each in in_force if each.hold_id == hold_id), None)
    if hold is None:
        return go_to("holds", done="gone")
    effect = effect_of(services().store, hold.scope, hold.value)
    others = [each for each in in_force if each is not hold]
    return form_page("holds_release", {}, hold=hold, effect=effect, others=others)


@blp.post("/holds/<hold_id:hold_id>/release")
@requires(HOLD)
def holds_release_now(hold_id: str) -> Response:
    """Release a hold."""
    try:
        services().holds.release(hold_id, actor())
    except NotFound:
        return go_to("holds", done="gone")
    return go_to("holds", done="released")


def _wanted() -> Sent:
    """Return the hold that the form asks for: the value is the field of the chosen scope."""
    given = filled("scope", "reason", *_VALUES)
    scope = given.get("scope", "")
    value = given.get(f"value_{scope}", "")
    sent = loaded(NewHoldSchema(), {**filled("scope", "reason"), "value": value})
    problems = dict(sent.problems)
    if "scope" in problems:
        problems["scope"] = "Choose what to stop."
    elif scope != HoldScope.ALL and not value:
        problems[f"value_{scope}"] = _NEEDED[HoldScope(scope)]
    elif "value" in problems:
        problems[f"value_{scope}"] = problems.pop("value")
    return Sent(sent.value, problems)


def _page(given: Mapping[str, str], problems: Mapping[str, str]) -> Response:
    here = services()
    in_force, released = here.holds.current(), here.holds.released(RELEASED_MAX)
    return form_page(
        "holds",
        problems,
        in_force=in_force,
        stopped=next((each for each in in_force if each.scope is HoldScope.ALL), None),
        released=released,
        given=given,
        shown_max=SHOWN_MAX,
        methods=sorted(here.providers),
        reason_max=REASON_MAX,
        done=request.args.get("done", ""),
    )


@blp.app_template_filter("console_target")
def target_words(hold: Hold | Mapping[str, str]) -> str:
    """Return in words what a hold stops."""
    if isinstance(hold, Hold):
        return words_of(hold.scope, hold.value)
    return words_of(HoldScope(hold["scope"]), hold["value"])


def words_of(scope: HoldScope, value: str) -> str:
    """Return in words what a hold of a target stops."""
    if scope is HoldScope.ALL:
        return "every payment"
    if scope is HoldScope.PROVIDER:
        return f"every payment by {value}"
    if scope is HoldScope.CUSTOMER:
        return f"every payment to {value}"
    if scope is HoldScope.BULK:
        return f"bulk run {value}, with the payments that it has made"
    customer_id, _, payment_id = value.partition("/")
    return f"the payment to {customer_id} of {payment_id}"
