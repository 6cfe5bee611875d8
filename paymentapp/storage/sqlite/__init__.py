"""The embedded engine: one SQLite file, shared by the processes of one machine."""

from paymentapp.storage.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
