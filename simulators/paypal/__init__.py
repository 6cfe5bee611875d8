"""A stand-alone PayPal: the Payouts API, the transaction search, signed webhooks and a ledger."""
