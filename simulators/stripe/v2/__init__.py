"""Stripe's API version 2 as Global Payouts use it: recipients, payout methods, payments."""
