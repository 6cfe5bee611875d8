"""Decisions: what happens to customers, payments and batches. No HTTP, no database here."""
