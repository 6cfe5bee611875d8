"""Revisions: tokens for the versions of a record, which conditional writes compare."""

from __future__ import annotations

import secrets


def new_revision() -> str:
    """Return a token for one version of a record, by which a writer recognises its own write."""
    return secrets.token_hex(6)
