"""Remittance: what a provider sends on of the caller's own texts, and what it cannot send."""

from __future__ import annotations

import re

from paymentapp.errors import NotPayable
from paymentapp.models.caller_texts import CallerTexts, Metadata
from paymentapp.providers.base import Provider


def unsendable(provider: Provider, texts: CallerTexts) -> NotPayable | None:
    """Return why a provider cannot send on a payment's texts; None where it can.

    One that sends on none has no rule: the texts are only stored.
    """
    rules = provider.remittance
    if rules is None:
        return None
    if texts.description is not None and not re.fullmatch(rules.pattern, texts.description):
        return NotPayable("description", f"{provider.name}: {rules.problem}")
    reserved = [key for key, _ in texts.metadata if key in rules.reserved_keys]
    if rules.metadata and reserved:
        problem = f"{provider.name}: this key is reserved."
        return NotPayable(f"metadata/{reserved[0]}", problem)
    return None


def sent_on(provider: Provider, texts: CallerTexts) -> tuple[str | None, Metadata]:
    """Return the description and the metadata that a provider sends on."""
    rules = provider.remittance
    if rules is None:
        return None, ()
    return texts.description, texts.metadata if rules.metadata else ()
