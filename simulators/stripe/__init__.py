"""A stand-alone Stripe Connect beside the PayPal: transfers, reversals, payouts, and a ledger.

It is served under ``/stripe``: ``stripe.StripeClient(key, base_addresses={"api": BASE})`` with
``BASE`` the simulator's address and ``/stripe``. What becomes of money, the account id says
(``simulators.stripe.accounts`` has the table); ``/_simulator/stripe`` has the controls.
"""

from simulators.stripe.settings import StripeSimulatorSettings

__all__ = ["StripeSimulatorSettings"]
