"""Webhook endpoints and deliveries: where events are posted to, and what became of them."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest

from paymentapp.api.blueprint import actor, services
from paymentapp.console.blueprint import blp, go_to, requires
from paymentapp.console.forms import chosen, cursor, new_key, one_line, sent_key
from paymentapp.errors import Conflict, Unprocessable
from paymentapp.models.actors import WEBHOOKS
from paymentapp.models.events import EVENT_ID_PATTERN, EVENT_TYPES
from paymentapp.models.webhook_endpoints import (
    ENDPOINTS_MAX,
    SECRET_OVERLAP,
    DeliveryStatus,
    EndpointStatus,
    WebhookEndpoint,
)
from paymentapp.schemas.webhook_endpoints import (
    DESCRIPTION_MAX,
    URL_MAX,
    NewWebhookEndpointSchema,
    WebhookEndpointPatchSchema,
)
from paymentapp.services.outbound.endpoints import EndpointWithSecret

_DELIVERIES = 50  # on a page
_ROTATED = (
    "The secret was replaced meanwhile, by this form or another: look before you do it again."
)
_ONE = "/webhooks/<endpoint_id:endpoint_id>"


@blp.get("/webhooks")
@requires(WEBHOOKS)
def webhooks() -> str:
    """List the endpoints."""
    endpoints = services().webhook_endpoints.list()
    return render_template(
        "console/webhooks.html",
        endpoints=endpoints,
        most=ENDPOINTS_MAX,
        done=request.args.get("done"),
    )


@blp.get("/webhooks/new")
@requires(WEBHOOKS)
def webhooks_new() -> str:
    """Show the form of a new endpoint."""
    return _form_page({"url": "", "description": "", "event_types": []}, {})


@blp.post("/webhooks/new")
@requires(WEBHOOKS)
def webhooks_add() -> Response:
    """Register an endpoint, and show its secret: on this page alone."""
    form = _sent_form()
    try:
        body = NewWebhookEndpointSchema().load(form)
        made = services().webhook_endpoints.create(
            body["url"], body["event_types"], body["description"], actor(), sent_key()
        )
    except (ValidationError, Unprocessable) as error:
        return make_response(_form_page(form, _errors(error)), 422)
    return _secret_page(made)


@blp.get(_ONE)
@requires(WEBHOOKS)
def webhooks_show(endpoint_id: str) -> str:
    """Show an endpoint, and its deliveries by status."""
    status = chosen("status", ("any", *(each.value for each in DeliveryStatus)))
    wanted = None if status == "any" else DeliveryStatus(status)
    endpoints = services().webhook_endpoints
    endpoint = endpoints.get(endpoint_id)
    page = endpoints.deliveries(endpoint_id, wanted, _DELIVERIES, cursor(EVENT_ID_PATTERN))
    return render_template(
        "console/webhooks_show.html",
        endpoint=endpoint,
        page=page,
        status=status,
        done=request.args.get("done"),
    )


@blp.route(f"{_ONE}/change", methods=["GET", "POST"])
@requires(WEBHOOKS)
def webhooks_change(endpoint_id: str) -> Response | str:
    """Show the form of an endpoint, or change it."""
    endpoints = services().webhook_endpoints
    endpoint = endpoints.get(endpoint_id)
    if request.method != "POST":
        shown = {name: getattr(endpoint, name) for name in ("url", "description", "event_types")}
        return _form_page(shown, {}, endpoint)
    form = _sent_form()
    try:
        endpoints.change(endpoint_id, WebhookEndpointPatchSchema().load(form))
    except (ValidationError, Unprocessable) as error:
        return make_response(_form_page(form, _errors(error), endpoint), 422)
    return go_to("webhooks_show", endpoint_id=endpoint_id, done="changed")


@blp.post(f"{_ONE}/status")
@requires(WEBHOOKS)
def webhooks_status(endpoint_id: str) -> Response:
    """Disable an endpoint, or enable it: then it gets what happened meanwhile."""
    status = request.form.get("status")
    if status not in {EndpointStatus.ENABLED, EndpointStatus.DISABLED}:
        raise BadRequest("Choose enabled or disabled.")
    services().webhook_endpoints.change(endpoint_id, {"status": EndpointStatus(status)})
    return go_to("webhooks_show", endpoint_id=endpoint_id, done=status)


@blp.route(f"{_ONE}/delete", methods=["GET", "POST"])
@requires(WEBHOOKS)
def webhooks_delete(endpoint_id: str) -> Response | str:
    """Ask whether to delete an endpoint, or delete it."""
    endpoints = services().webhook_endpoints
    if request.method == "POST":
        endpoints.delete(endpoint_id, actor())
        return go_to("webhooks", done="deleted")
    return render_template("console/webhooks_delete.html", endpoint=endpoints.get(endpoint_id))


@blp.route(f"{_ONE}/rotate", methods=["GET", "POST"])
@requires(WEBHOOKS)
def webhooks_rotate(endpoint_id: str) -> Response | str:
    """Ask whether to replace the secret; or replace it, and show the new one.

    The form names the secret that it replaces, so that a page that is loaded again replaces none.
    """
    endpoints = services().webhook_endpoints
    endpoint = endpoints.get(endpoint_id)
    current = endpoint.secrets[0].created_at.isoformat()
    if request.method != "POST":
        return render_template(
            "console/webhooks_rotate.html", endpoint=endpoint, current=current, hours=_hours()
        )
    if request.form.get("current") != current:
        raise Conflict(_ROTATED)
    return _secret_page(endpoints.rotate_secret(endpoint_id, actor()), is_new=False)


@blp.post(f"{_ONE}/test")
@requires(WEBHOOKS)
def webhooks_test(endpoint_id: str) -> Response:
    """Have a test event sent at once."""
    services().webhook_endpoints.test(endpoint_id)
    return go_to("webhooks_show", endpoint_id=endpoint_id, done="test")


@blp.post(f"{_ONE}/deliveries/<event_id:event_id>/redeliver")
@requires(WEBHOOKS)
def webhooks_redeliver(endpoint_id: str, event_id: str) -> Response:
    """Have an event sent once more."""
    services().webhook_endpoints.redeliver(endpoint_id, event_id)
    return go_to("webhooks_show", endpoint_id=endpoint_id, done="redeliver")


def _sent_form() -> dict[str, Any]:
    return {
        "url": one_line("url"),
        "description": one_line("description"),
        "event_types": request.form.getlist("event_types"),
    }


def _errors(error: ValidationError | Unprocessable) -> dict[str, str]:
    """Return what is wrong with a form, by field."""
    if isinstance(error, Unprocessable):
        return {error.field: str(error)}
    found: dict[str, Any] = error.messages_dict
    return {
        name: " ".join(map(str, messages)) if isinstance(messages, list) else "Not a known type."
        for name, messages in found.items()
    }


def _form_page(
    form: dict[str, Any], errors: dict[str, str], endpoint: WebhookEndpoint | None = None
) -> str:
    return render_template(
        "console/webhooks_form.html",
        endpoint=endpoint,
        form=form,
        errors=errors,
        idempotency_key=new_key(),
        event_types=EVENT_TYPES,
        url_max=URL_MAX,
        description_max=DESCRIPTION_MAX,
    )


def _secret_page(made: EndpointWithSecret, *, is_new: bool = True) -> Response:
    """Return a page with a secret, which neither browsers nor proxies may keep."""
    page = render_template(
        "console/webhooks_secret.html",
        endpoint=made.endpoint,
        secret=made.secret,
        is_new=is_new,
        hours=_hours(),
    )
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _hours() -> int:
    return int(SECRET_OVERLAP.total_seconds()) // 3600
