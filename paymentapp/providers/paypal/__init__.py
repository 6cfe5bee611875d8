"""PayPal Payouts."""
