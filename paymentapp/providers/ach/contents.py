"""Contents: how a file's bytes are kept from when they are made until the bank has them."""

from __future__ import annotations

import base64
import zlib

from paymentapp.providers.ach.file_state import FilePlan
from paymentapp.providers.ach.pgp import encrypted
from paymentapp.vault.sealing import Vault

_BANK = "bank:"  # in front of what is encrypted for the bank


class Contents:
    """Compressed and sealed by the vault; or encrypted for the bank, and so sealed already."""

    def __init__(self, vault: Vault, pgp_key_file: str) -> None:
        self._vault = vault
        self._pgp_key_file = pgp_key_file

    def kept(self, name: str, data: bytes) -> tuple[bytes, str]:
        """Return what the bank gets of a file, and the text by which that is kept."""
        if self._pgp_key_file:
            data = encrypted(data, self._pgp_key_file)
            return data, _BANK + base64.b64encode(data).decode()
        packed = base64.b85encode(zlib.compress(data, 9)).decode()
        return data, self._vault.seal(packed, name)

    def open(self, plan: FilePlan) -> bytes:
        """Return the bytes for the bank, as they were made. Raises Misconfigured where what is
        sealed does not open."""
        if plan.content.startswith(_BANK):
            return base64.b64decode(plan.content.removeprefix(_BANK))
        return zlib.decompress(base64.b85decode(self._vault.open(plan.content, plan.name)))
