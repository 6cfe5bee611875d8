"""Adds Stripe to the simulators: its books, endpoints, faults and webhooks."""

from __future__ import annotations

from flask import Flask

from simulators.common.database import Database
from simulators.common.times import Clock
from simulators.common.webhook_sender import WebhookSender
from simulators.stripe import balance, control, payouts, transfers, unknown
from simulators.stripe.core import StripeSimulator
from simulators.stripe.events import signed_event
from simulators.stripe.faults import StripeFaults
from simulators.stripe.settings import StripeSimulatorSettings
from simulators.stripe.v2 import payments, recipients


def add_stripe(
    app: Flask, settings: StripeSimulatorSettings, database: Database, clock: Clock
) -> StripeSimulator:
    """Add Stripe to an application, on the simulators' database and clock."""
    stripe = StripeSimulator(settings, database, clock)
    app.extensions["stripe_simulator"] = stripe
    for module in (transfers, payouts, balance, unknown, control, recipients, payments):
        app.register_blueprint(module.blueprint)
    app.wsgi_app = StripeFaults(app.wsgi_app, stripe)  # type: ignore[method-assign]
    return stripe


def stripe_webhook_sender(stripe: StripeSimulator) -> WebhookSender[StripeSimulatorSettings]:
    """Return the thread that delivers Stripe's events."""
    return WebhookSender(stripe, lambda webhook: signed_event(stripe, webhook))
