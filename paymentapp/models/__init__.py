"""The nouns: money, customers, payments, batches, keys, and what providers tell."""
