"""How the bytes of a file are stored from when it is made until it is uploaded."""

from __future__ import annotations

import base64
import zlib

from paymentapp.providers.ach.file_state import FilePlan
from paymentapp.providers.ach.pgp import encrypted
from paymentapp.vault.sealing import Vault

_BANK = "bank:"  # the prefix of what is encrypted for the bank


class Contents:
    """Encodes file contents for storage.

    Compressed and sealed by the vault; or, with a PGP key, encrypted for the bank only.
    """

    def __init__(self, vault: Vault, pgp_key_file: str) -> None:
        self._vault = vault
        self._pgp_key_file = pgp_key_file

    def encode(self, name: str, data: bytes) -> tuple[bytes, str]:
        """Return the bytes to upload for a file, and the text that stores them."""
        if self._pgp_key_file:
            data = encrypted(data, self._pgp_key_file)
            return data, _BANK + base64.b64encode(data).decode()
        packed = base64.b85encode(zlib.compress(data, 9)).decode()
        return data, self._vault.seal(packed, name)

    def decode(self, plan: FilePlan) -> bytes:
        """Return the bytes to upload. Raises Misconfigured where no key opens them."""
        if plan.content.startswith(_BANK):
            return base64.b64decode(plan.content.removeprefix(_BANK))
        return zlib.decompress(base64.b85decode(self._vault.open(plan.content, plan.name)))
