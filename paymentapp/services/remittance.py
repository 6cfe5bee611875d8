"""Remittance: what a provider sends on of the caller's own texts, and what it cannot send."""

from __future__ import annotations

import re

from paymentapp.errors import NotPayable
from paymentapp.models.caller_texts import OWN_OPTION, CallerTexts, Metadata
from paymentapp.providers.base import Provider, RemittanceRules

_NONE = RemittanceRules()


def unsendable(provider: Provider, texts: CallerTexts) -> NotPayable | None:
    """Return why a provider cannot send on a payment's texts; None where it can.

    One that sends on none has no rule for them: they are only stored. An option asks for something,
    so that a provider which does not know it cannot take the payment.
    """
    rules = provider.remittance
    problem = _bad_option(provider, texts)
    if rules is None or problem is not None:
        return problem
    if texts.description is not None and not re.fullmatch(rules.pattern, texts.description):
        return NotPayable("description", f"{provider.name}: {rules.problem}")
    reserved = [key for key, _ in texts.metadata if key in rules.reserved_keys]
    if rules.metadata and reserved:
        return NotPayable(f"metadata/{reserved[0]}", f"{provider.name}: this key is reserved.")
    return None


def sent_on(provider: Provider, texts: CallerTexts) -> tuple[str | None, Metadata]:
    """Return the description and the metadata that a provider sends on."""
    rules = provider.remittance
    if rules is None:
        return None, ()
    return texts.description, texts.metadata if rules.metadata else ()


def options_for(provider: Provider, texts: CallerTexts) -> Metadata:
    """Return the options of a payment for a provider that knows any."""
    return texts.options if (provider.remittance or _NONE).options else ()


def _bad_option(provider: Provider, texts: CallerTexts) -> NotPayable | None:
    known = {option.name: option for option in (provider.remittance or _NONE).options}
    for name, text in texts.options:
        if name.startswith(OWN_OPTION):
            continue
        option = known.get(name)
        if option is None:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            return NotPayable(f"options/{name}", f"{provider.name}: unknown option; {takes}.")
        if re.fullmatch(option.pattern, text) is None:
            return NotPayable(f"options/{name}", f"{provider.name}: {option.problem}")
    return None
