"""The error of a file from the bank."""

from __future__ import annotations


class BrokenFile(Exception):
    """A file of which nothing can be read; the message says why, and quotes nothing of it."""
