"""OpenPGP: encrypts files for the bank."""

from __future__ import annotations

from paymentapp.errors import Misconfigured


def encrypted(data: bytes, key_file: str) -> bytes:
    """Encrypt bytes for the public key in a file (RFC 9580, binary).

    Raises Misconfigured where the library or a usable key is missing.
    """
    try:
        from pysequoia import (  # type: ignore[import-not-found,unused-ignore]
            Cert,
            encrypt,
        )
    except ImportError as error:
        raise Misconfigured("NO_PGP_LIBRARY", "pip install paymentapp[pgp]") from error
    try:
        key = Cert.from_file(key_file)
        return bytes(encrypt(data, recipients=[key], armor=False))
    except Exception as error:
        code = type(error).__name__
        raise Misconfigured("PGP_KEY", f"PAYMENTAPP_ACH_PGP_KEY_FILE: {code}") from None
