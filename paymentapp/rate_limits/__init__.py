"""Rate limits: how many requests a client, and an address without a key, may send in a while."""
