"""A stand-alone Stripe Connect beside PayPal: transfers, reversals, payouts, and a ledger.

It is served under ``/stripe``: ``stripe.StripeClient(key, base_addresses={"api": BASE})`` with
``BASE`` the simulator's address and ``/stripe``. The account id decides the outcome of a payment
(see the table in ``simulators.stripe.accounts``); the controls are at ``/_simulator/stripe``.
"""

from simulators.stripe.settings import StripeSimulatorSettings

__all__ = ["StripeSimulatorSettings"]
