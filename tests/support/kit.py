"""What providers are built from, for tests that build them."""

from __future__ import annotations

from paymentapp.clock import Clock, utc_now
from paymentapp.config import Settings
from paymentapp.providers.base import Kit
from paymentapp.vault.sealing import Vault, new_key
from tests.support.memory_store import MemoryStore


def a_kit(settings: Settings, clock: Clock = utc_now, vault: Vault | None = None) -> Kit:
    """A kit with a notebook in memory, and a vault of its own."""
    return Kit(settings, clock, vault or Vault(new_key()), MemoryStore())
