"""A deterministic simulation of the real services: scheduler, clocks, store, provider, faults."""
