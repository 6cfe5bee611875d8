"""Proof by attack: what is promised holds while everything that can fail does."""
