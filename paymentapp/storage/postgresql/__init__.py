"""The PostgreSQL engine: one database, shared by the processes of any number of machines."""

from paymentapp.storage.postgresql.store import PostgreSQLStore

__all__ = ["PostgreSQLStore"]
