"""Application of the simulators: state, endpoints, and the fault layer in front of them."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from simulators import page
from simulators.common.database import Database
from simulators.common.times import Clock, utc_now
from simulators.openach import OpenAchSimulatorSettings
from simulators.openach.wiring import add_openach
from simulators.paypal import control, oauth, payouts, reporting, webhooks
from simulators.paypal.core import PayPalSimulator
from simulators.paypal.errors import PayPalError
from simulators.paypal.faults import PayPalFaults
from simulators.paypal.settings import PayPalSimulatorSettings
from simulators.stripe import StripeSimulatorSettings
from simulators.stripe.wiring import add_stripe

_NAME_OF_STATUS = {
    400: "VALIDATION_ERROR",
    404: "RESOURCE_NOT_FOUND",
    405: "METHOD_NOT_SUPPORTED",
    413: "REQUEST_ENTITY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}


def create_simulator(
    settings: PayPalSimulatorSettings | None = None,
    clock: Clock = utc_now,
    stripe_settings: StripeSimulatorSettings | None = None,
    openach_settings: OpenAchSimulatorSettings | None = None,
) -> Flask:
    """Create the simulators as a WSGI application.

    PayPal is at ``/v1``, Stripe at ``/stripe/v1``, OpenACH at ``/openach/api``.

    ``settings.state`` is the path of the SQLite file (in memory by default). ``clock`` returns an
    aware time in UTC; batches, tokens, the 30 days of a ``sender_batch_id``, payouts of Stripe and
    the 24 hours of its idempotency keys follow it.
    """
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    settings = settings or PayPalSimulatorSettings()
    database = Database(settings.state)
    app.extensions["simulator"] = paypal = PayPalSimulator(settings, database, clock)
    for module in (oauth, payouts, reporting, webhooks, control, page):
        app.register_blueprint(module.blueprint)
    app.register_error_handler(PayPalError, _answer_error)
    app.register_error_handler(Exception, _answer_any)
    app.wsgi_app = PayPalFaults(app.wsgi_app, paypal)  # type: ignore[method-assign]
    add_stripe(app, stripe_settings or StripeSimulatorSettings(), database, clock)
    add_openach(app, openach_settings or OpenAchSimulatorSettings(), database, clock)
    return app


def _answer_error(error: PayPalError) -> Response:
    body = error.body()
    answer = jsonify(body)
    answer.status_code = error.status
    answer.headers["Paypal-Debug-Id"] = body["debug_id"]
    return answer


def _answer_any(error: Exception) -> Response | HTTPException:
    if not request.path.startswith("/v1/"):
        if isinstance(error, HTTPException):
            return error
        raise error
    if isinstance(error, HTTPException):
        return _answer_error(PayPalError(_NAME_OF_STATUS.get(error.code or 500, "INTERNAL_ERROR")))
    logging.getLogger(__name__).exception("internal error of the simulator")
    return _answer_error(PayPalError("INTERNAL_SERVER_ERROR"))
