"""A `Kit` for tests that build providers."""

from __future__ import annotations

from paymentapp.clock import Clock, utc_now
from paymentapp.config import Settings
from paymentapp.providers.base import Kit
from paymentapp.vault.sealing import Vault, new_key
from tests.support.memory_store import MemoryStore


def a_kit(settings: Settings, clock: Clock = utc_now, vault: Vault | None = None) -> Kit:
    """Return a kit with state in memory and a vault of its own."""
    return Kit(settings, clock, vault or Vault(new_key()), MemoryStore())
