"""Dispatch: batches, their submission to providers, and polling."""
