"""Fault injection: the guarantees hold while everything that can fail does."""
