"""Revisions: which version of a record a conditional write replaces."""

from __future__ import annotations

import secrets


def new_revision() -> str:
    """A token for one version of a record; whoever reads it back knows whose write it was."""
    return secrets.token_hex(6)
