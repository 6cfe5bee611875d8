"""The vault: account details are encrypted ("sealed") before they are stored.

AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit nonce for each text, and the record's owner as
additional data: a sealed text that is copied to another customer's record does not open. Keys have
names, so that they can be rotated: the first one seals, every one opens.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from paymentapp.errors import Misconfigured, SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NAME = re.compile(r"[A-Za-z0-9]{1,8}")
_NONCE = 12  # bytes, as section 5.2.1.1 recommends
_KEY = 32  # bytes


def new_key() -> str:
    """Return a new key for the settings: a name, a colon, 32 random bytes in base64."""
    name = os.urandom(3).hex()
    return f"{name}:{base64.b64encode(os.urandom(_KEY)).decode()}"


class Vault:
    """Seals with its first key, opens with any. Keys are in no `repr`.

    `unwrap` decrypts a key that a key service has encrypted; it is called at first use.
    """

    def __init__(self, keys: str, unwrap: Callable[[bytes], bytes] | None = None) -> None:
        """Read the keys: `NAME:BASE64`, several with commas, the sealing one first.

        With `unwrap` the base64 part is the ciphertext of the key. Raises SettingsError.
        """
        self._written = _read_keys(keys)
        self._unwrap = unwrap
        for name, key in self._written.items():
            if unwrap is None and len(key) != _KEY:
                raise SettingsError(f"PAYMENTAPP_VAULT_KEYS: key {name} must have {_KEY} bytes")

    @property
    def is_open(self) -> bool:
        """Return whether there is a key at all."""
        return bool(self._written)

    @property
    def sealing_key(self) -> str:
        """Return the name of the key that seals."""
        return next(iter(self._written), "")

    def seal(self, text: str, place: str) -> str:
        """Encrypt a text for its owner, `place`. Returns `NAME.BASE64`; `open` decrypts it.

        Raises Misconfigured where there is no key.
        """
        name = self.sealing_key
        if not name:
            raise Misconfigured("NO_VAULT_KEY", "PAYMENTAPP_VAULT_KEYS is not set")
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher(name).encrypt(nonce, text.encode(), place.encode())
        return f"{name}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def open(self, sealed: str, place: str) -> str:
        """Decrypt a sealed text. Raises Misconfigured where no key here opens it."""
        from cryptography.exceptions import InvalidTag

        name, _, body = sealed.partition(".")
        if name not in self._written:
            raise Misconfigured("UNKNOWN_VAULT_KEY", f"PAYMENTAPP_VAULT_KEYS has no key {name}")
        try:
            content = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            nonce, text = content[:_NONCE], content[_NONCE:]
            return self._cipher(name).decrypt(nonce, text, place.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise Misconfigured("NOT_SEALED_HERE", f"key {name} does not open it") from error

    def is_current(self, sealed: str) -> bool:
        """Return whether the first key has sealed it."""
        return sealed.partition(".")[0] == self.sealing_key

    def _cipher(self, name: str) -> AESGCM:
        return self._ciphers[name]

    @cached_property
    def _ciphers(self) -> Mapping[str, AESGCM]:
        """Build the ciphers; cryptography is imported here since many starts seal nothing."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        unwrap = self._unwrap or bytes
        return {name: AESGCM(unwrap(key)) for name, key in self._written.items()}


def _read_keys(text: str) -> dict[str, bytes]:
    """Return the keys by name, in order. Raises SettingsError.

    A name that stands twice is an error: only one of the two keys could open what the name sealed.
    """
    keys: dict[str, bytes] = {}
    for name, key in map(_read_key, filter(None, text.split(","))):
        if name in keys:
            raise SettingsError(f"PAYMENTAPP_VAULT_KEYS: two keys have the name {name}")
        keys[name] = key
    return keys


def _read_key(text: str) -> tuple[str, bytes]:
    name, _, key = text.strip().partition(":")
    try:
        content = base64.b64decode(key, validate=True)
    except binascii.Error:
        content = b""
    if not _NAME.fullmatch(name) or not content:
        raise SettingsError("PAYMENTAPP_VAULT_KEYS must be NAME:BASE64, several with commas")
    return name, content
