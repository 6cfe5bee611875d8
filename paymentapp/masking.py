"""Masking of addresses, and of texts from outside, in logs, reports and pages."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"([^\s@\"'<>()\[\]{},;:=|/\\]+)@([A-Za-z0-9.-]+)")
# API keys of this service, of Stripe, and secrets of webhooks: the prefix, and the secret itself.
_SECRET = re.compile(r"\b(pk_[0-9a-f]{16}_|[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9+/=_-]+")
_SECRET_MARKS = ("pk_", "sk_", "rk_", "whsec_")


def masked(email: str | None) -> str:
    """Return an e-mail address masked, so that people recognise it and nobody can use it.

    >>> masked("ann@example.com")
    'a***@example.com'
    """
    name, at, domain = (email or "nobody").rpartition("@")
    return f"{name[:1]}***{at}{domain}" if at else "***"


def scrubbed(text: str) -> str:
    """Return a text of a log line without e-mail addresses and keys, in case it has any.

    No line is written with one on purpose: this is for errors that quote what they were given.

    >>> scrubbed("no mailbox for ann@example.com; key pk_0123456789abcdef_secret")
    'no mailbox for a***@example.com; key pk_0123456789abcdef_***'
    """
    if "@" in text:
        text = _ADDRESS.sub(lambda found: masked(found[0]), text)
    if any(mark in text for mark in _SECRET_MARKS):
        text = _SECRET.sub(r"\1***", text)
    return text


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
