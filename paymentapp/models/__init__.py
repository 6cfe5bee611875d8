"""The domain model: money, customers, payments, batches, keys, provider events and state."""
