"""Make the roles that serve, each of a managed identity, in Azure Database for PostgreSQL.

The job `init` runs it in the image before `paymentapp init`, as the server's administrator. The
server maps a role to an identity by a function of its own
(learn.microsoft.com/azure/postgresql/security/security-manage-entra-users), in the database
`postgres` alone. A role that is there stays as it is.
"""

from __future__ import annotations

import json
import os
import sys

import psycopg
from psycopg.conninfo import make_conninfo

from paymentapp.config import load_settings
from paymentapp.errors import PaymentAppError
from paymentapp.storage.postgresql.addresses import database_address
from paymentapp.storage.postgresql.tokens import AZURE, token_password

_IS_THERE = "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s"
_MAKE = "SELECT * FROM pgaadauth_create_principal_with_oid(%s, %s, 'service', false, false)"


def make_roles(conninfo: str, roles: dict[str, str]) -> list[str]:
    """Make the roles that are missing, by name and the identity's object id; return their names."""
    made = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for name, object_id in roles.items():
            if connection.execute(_IS_THERE, (name,)).fetchone() is None:
                connection.execute(_MAKE, (name, object_id))
                made.append(name)
    return made


def main() -> int:
    """Return the exit status."""
    try:
        address = database_address(load_settings().store, token_password(AZURE, os.environ))
        conninfo = make_conninfo(**{**address.options(), "dbname": "postgres"})
        made = make_roles(conninfo, json.loads(os.environ["SERVING_ROLES"]))
    except (PaymentAppError, psycopg.Error) as error:
        print(f"make_roles: {error}", file=sys.stderr)
        return 1
    print(f"make_roles: made {', '.join(made) or 'nothing'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
