"""Masking of addresses, and of texts from outside, in logs, reports and pages."""

from __future__ import annotations


def masked(email: str | None) -> str:
    """Return an e-mail address masked, so that people recognise it and nobody can use it.

    >>> masked("ann@example.com")
    'a***@example.com'
    """
    name, at, domain = (email or "nobody").rpartition("@")
    return f"{name[:1]}***{at}{domain}" if at else "***"


def printable(text: str) -> str:
    r"""Return a text from outside as one line that may be logged: what is not printable is escaped.

    >>> printable("returns\n2026-03-02 INFO all is well.txt")
    'returns\\n2026-03-02 INFO all is well.txt'
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", errors="replace").decode("ascii", errors="replace")
