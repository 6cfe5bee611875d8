"""Stand-alone simulated providers for development and tests; they keep ledgers and pay nobody."""

from simulators.app import create_simulator
from simulators.paypal.settings import PayPalSimulatorSettings

__all__ = ["PayPalSimulatorSettings", "create_simulator"]
