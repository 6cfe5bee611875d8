"""Masking of addresses in logs, reports and pages."""

from __future__ import annotations


def masked(email: str | None) -> str:
    """Return an e-mail address masked, so that people recognise it and nobody can use it.

    >>> masked("ann@example.com")
    'a***@example.com'
    """
    name, at, domain = (email or "nobody").rpartition("@")
    return f"{name[:1]}***{at}{domain}" if at else "***"
