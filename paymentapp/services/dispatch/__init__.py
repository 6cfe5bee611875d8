"""From a payment that is due to a batch that a provider has: prepare, freeze, send, poll."""
