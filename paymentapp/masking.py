"""Masking: what a log, a report or a page may show of an address, or of a text from outside."""

from __future__ import annotations


def masked(email: str | None) -> str:
    """An e-mail address that a person recognises and nobody can write to.

    >>> masked("ann@example.com")
    'a***@example.com'
    """
    name, at, domain = (email or "nobody").rpartition("@")
    return f"{name[:1]}***{at}{domain}" if at else "***"


def printable(text: str) -> str:
    """Return a text from outside as one line that may be logged: what is not printable is escaped.

    >>> printable("returns\\n2026-03-02 INFO all is well.txt")
    'returns\\\\n2026-03-02 INFO all is well.txt'
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", errors="replace").decode("ascii", errors="replace")
