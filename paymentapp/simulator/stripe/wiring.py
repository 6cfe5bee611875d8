"""Puts the Stripe side into the simulator: its state, its endpoints, its faults, its courier."""

from __future__ import annotations

from flask import Flask

from paymentapp.simulator.courier import Carrier
from paymentapp.simulator.state import State
from paymentapp.simulator.stripe import balance, control, payouts, transfers, unknown
from paymentapp.simulator.stripe.core import StripeSide
from paymentapp.simulator.stripe.events import written
from paymentapp.simulator.stripe.faults import StripeFaults
from paymentapp.simulator.stripe.settings import StripeSettings
from paymentapp.simulator.times import Clock


def add_stripe(app: Flask, settings: StripeSettings, state: State, clock: Clock) -> StripeSide:
    """The Stripe side of a simulator that is being built, on its state and its clock."""
    side = StripeSide(settings, state, clock)
    app.extensions["stripe_simulator"] = side
    for module in (transfers, payouts, balance, unknown, control):
        app.register_blueprint(module.blueprint)
    app.wsgi_app = StripeFaults(app.wsgi_app, side)  # type: ignore[method-assign]
    return side


def stripe_courier(side: StripeSide) -> Carrier[StripeSettings]:
    """The thread that delivers the Stripe side's events."""
    return Carrier(side, lambda letter: written(side, letter))
