"""What errors of the server and of the driver mean: what callers see, and what may be repeated.

Codes: postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import psycopg

from paymentapp.errors import StoreUnavailable

# Nothing was written, and the same statement may succeed the next time.
_COLLISIONS = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
# A connection of which nothing more is to be had: it, its server, or what was prepared on it has
# gone. 26000, 42P05: a pooler has given another server's connection; 0A000: the tables of a plan
# have changed. Of these three nothing was written.
_USELESS = ("08", "57P", "25006", "26000", "42P05", "0A000")
_CAUSES = {
    "08": "connection lost",
    "28": "the server refuses the user or the password",
    "3D000": "no such database",
    "3F000": "no schema; has `paymentapp init` run?",
    "42P01": "no tables; has `paymentapp init` run?",
    "42703": "its schema is of another version; has `paymentapp init` run?",
    "42501": "no permission",
    "25006": "read-only",
    "26000": "no such prepared statement; is PAYMENTAPP_POSTGRESQL_PREPARED right?",
    "42P05": "another prepared statement; is PAYMENTAPP_POSTGRESQL_PREPARED right?",
    "53100": "disk full",
    "53200": "out of memory",
    "53300": "too many connections",
    "55P03": "locked",
    "57014": "time-out",
    "57P01": "the server shuts down",
    "57P02": "the server shuts down",
    "57P03": "the server starts or shuts down",
    "58": "I/O error",
    "XX001": "damaged",
    "XX002": "damaged",
}


def failed(cause: str) -> StoreUnavailable:
    """Return the error that callers see, of a cause that has no host and no data in it."""
    return StoreUnavailable(f"database: {cause}", cause)


def unavailable(error: psycopg.Error) -> StoreUnavailable:
    """Return the error that callers see: the cause in a few words.

    The server's own message may quote a value, and the driver's has the host and the user.
    """
    code = error.sqlstate or ""
    cause = _CAUSES.get(code) or _CAUSES.get(code[:2])
    return failed(cause or _driver_cause(error) or f"error {code}")


def _driver_cause(error: psycopg.Error) -> str:
    """Return what an error without a code means; an empty text for one with a code."""
    if error.sqlstate:
        return ""
    if isinstance(error, psycopg.errors.ConnectionTimeout | psycopg.errors._WaitTimeout):
        return "time-out"
    text = str(error)
    if "too many clients" in text or "connection slots are reserved" in text:
        return _CAUSES["53300"]
    if "authentication failed" in text or "no password supplied" in text:
        return _CAUSES["28"]
    if "does not exist" in text and "database" in text:
        return _CAUSES["3D000"]
    if "certificate" in text or "SSL" in text:
        return "no trusted encryption"
    return "not reachable" if isinstance(error, psycopg.OperationalError) else "error of the driver"


def is_collision(error: psycopg.Error) -> bool:
    """Return whether a statement has lost against another one, and has written nothing."""
    return error.sqlstate in _COLLISIONS


def is_full(error: psycopg.Error) -> bool:
    """Return whether the server takes no more connections."""
    return error.sqlstate == "53300" or _driver_cause(error) == _CAUSES["53300"]


def is_lost(error: psycopg.Error, connection: psycopg.Connection) -> bool:
    """Return whether a connection is of no use any more; its last write may have been made."""
    code = error.sqlstate or ""
    gone = code.startswith(_USELESS) or isinstance(error, psycopg.InterfaceError)
    return connection.broken or connection.closed or gone
