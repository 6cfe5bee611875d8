"""OpenPGP (RFC 9580): encrypts files for the bank, opens and verifies files from it."""

from __future__ import annotations

from typing import Any, NamedTuple

from paymentapp.errors import Misconfigured
from paymentapp.providers.bank_mail.errors import BrokenFile

_ARMOR = b"-----BEGIN PGP"
_BOM = b"\xef\xbb\xbf"


def encrypted(data: bytes, key_file: str) -> bytes:
    """Encrypt bytes for the public key in a file, in binary form.

    Raises Misconfigured where the library or a usable key is missing.
    """
    pgp = _library()
    try:
        key = pgp.Cert.from_file(key_file)
        return bytes(pgp.encrypt(data, recipients=[key], armor=False))
    except Exception as error:
        raise _bad_key("PAYMENTAPP_ACH_PGP_KEY_FILE", error) from None


class IncomingPgp(NamedTuple):
    """The keys by which files of the bank are opened, as files; empty where there is none."""

    own_key_file: str = ""
    own_key_password: str = ""
    bank_key_file: str = ""  # by which every file must be signed

    def __repr__(self) -> str:
        return f"IncomingPgp({self.own_key_file!r}, bank_key_file={self.bank_key_file!r})"

    def opened(self, data: bytes) -> bytes:
        """Return a file's plain content.

        Raises BrokenFile where it is not encrypted for our key, or not signed by the bank's;
        Misconfigured where the library or a usable key is missing.
        """
        if not _is_pgp(data):
            if self.bank_key_file:
                raise BrokenFile("it is not signed, as PAYMENTAPP_ACH_PGP_BANK_KEY_FILE asks")
            return data
        if not self.own_key_file and not self.bank_key_file:
            raise BrokenFile(
                "it is an OpenPGP message, and PAYMENTAPP_ACH_PGP_OWN_KEY_FILE is not set"
            )
        pgp = _library()
        store = self._store(pgp)
        if not self.own_key_file:
            return _opened(lambda: pgp.verify(data, store))
        try:
            decryptor = pgp.Tsk.from_file(self.own_key_file).decryptor(
                self.own_key_password or None
            )
        except Exception as error:
            raise _bad_key("PAYMENTAPP_ACH_PGP_OWN_KEY_FILE", error) from None
        return _opened(lambda: pgp.decrypt(data, decryptor=decryptor, store=store))

    def _store(self, pgp: Any) -> Any:
        """Return what finds the bank's key for a signature; None where none is asked for."""
        if not self.bank_key_file:
            return None
        try:
            bank = pgp.Cert.from_file(self.bank_key_file)
        except Exception as error:
            raise _bad_key("PAYMENTAPP_ACH_PGP_BANK_KEY_FILE", error) from None
        return lambda _key_ids: [bank]


def _opened(work: Any) -> bytes:
    """Return the content of a message; the library's own text is the first line of its error."""
    try:
        return bytes(work().bytes)
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise BrokenFile(f"it cannot be opened by PGP: {first[:80]}") from None


def _is_pgp(data: bytes) -> bool:
    """Return whether bytes are an OpenPGP message: armored, or a packet (its first bit is set)."""
    start = data[:64].lstrip()
    return start.startswith(_ARMOR) or (start[:1] > b"\x7f" and not start.startswith(_BOM))


def _library() -> Any:
    try:
        import pysequoia  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise Misconfigured("NO_PGP_LIBRARY", "pip install paymentapp[pgp]") from error
    return pysequoia


def _bad_key(name: str, error: Exception) -> Misconfigured:
    """Return the error of a key file; the library's own text may hold a part of the key."""
    return Misconfigured("PGP_KEY", f"{name}: {type(error).__name__}")
