"""Paymentapp: a disbursement service that pays people exactly once."""
