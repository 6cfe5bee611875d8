"""The address of a database: how to connect, with which password, and what people are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from paymentapp.errors import SettingsError
from paymentapp.loopback import is_loopback
from paymentapp.storage.postgresql.failures import failed

Password = Callable[[], str]
# What a connection has where the address says nothing else. A machine or a network that vanishes is
# noticed within ten seconds; after a failover the primary is found among several hosts.
_DEFAULTS: Mapping[str, str] = {
    "application_name": "paymentapp",
    "connect_timeout": "5",
    "client_encoding": "UTF8",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
}


@dataclass(frozen=True)
class DatabaseAddress:
    """Where a database is. `password`, if given, is called for each new connection.

    So a token that expires, as those of the clouds do, can be renewed without a restart. `prepared`
    is whether statements are prepared: "on", "off", or "auto", where no pooler stands between.
    """

    parameters: Mapping[str, str] = field(repr=False)
    description: str
    password: Password | None = field(default=None, repr=False)
    prepared: str = "auto"

    def options(self) -> dict[str, str]:
        """Return the parameters of a new connection. Raises StoreUnavailable for no password."""
        own = {"password": self.password()} if self.password else {}
        return {**self.parameters, **own}


def database_address(
    url: str, password: Password | None = None, prepared: str = "auto"
) -> DatabaseAddress:
    """Return the address of a URL (postgresql.org/docs/current/libpq-connect.html, 34.1.1).

    Raises SettingsError, whose message does not quote it.
    """
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.Error:
        raise SettingsError("PAYMENTAPP_STORE must be postgresql://USER@HOST/DATABASE") from None
    hosts = given.get("host", "")
    local = all(host.startswith("/") or is_loopback(host) for host in hosts.split(",") if host)
    encrypted = {} if local else {"sslmode": "require"}
    place = f"{hosts or 'local'}{':' + given['port'] if given.get('port') else ''}"
    description = f"PostgreSQL {place}/{given.get('dbname', '')}"
    return DatabaseAddress({**_DEFAULTS, **encrypted, **given}, description, password, prepared)


def file_password(path: Path) -> Password:
    """Return what reads a password or token from a file, each time anew."""

    def read() -> str:
        try:
            return path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise failed("the file of its password cannot be read") from None

    return read
