"""Hashes of secrets that the service has made itself: of API keys, and of console sessions."""

from __future__ import annotations

import hashlib


def hash_secret(secret: str) -> str:
    """Return the SHA-256. No salt or stretching: the secret is 256 random bits, no password."""
    return hashlib.sha256(secret.encode()).hexdigest()
