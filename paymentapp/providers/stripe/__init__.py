"""Stripe Connect."""
