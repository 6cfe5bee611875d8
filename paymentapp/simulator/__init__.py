"""A stand-alone PayPal for development and tests: it speaks the Payouts API and keeps a ledger."""

from paymentapp.simulator.app import create_simulator
from paymentapp.simulator.settings import Settings

__all__ = ["Settings", "create_simulator"]
