"""Stand-alone simulated providers for development and tests, which keep ledgers and pay nobody."""

from paymentapp.simulator.app import create_simulator
from paymentapp.simulator.paypal.settings import PayPalSimulatorSettings

__all__ = ["PayPalSimulatorSettings", "create_simulator"]
