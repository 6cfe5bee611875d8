"""Masking: what a log, a report or a page may show of an address."""

from __future__ import annotations


def masked(email: str | None) -> str:
    """An e-mail address that a person recognises and nobody can write to.

    >>> masked("ann@example.com")
    'a***@example.com'
    """
    name, at, domain = (email or "nobody").rpartition("@")
    return f"{name[:1]}***{at}{domain}" if at else "***"
