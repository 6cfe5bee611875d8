"""Words for records that templates of several pages use."""

from __future__ import annotations

from paymentapp.console.blueprint import blp
from paymentapp.models.customer_history import CustomerAction
from paymentapp.services.customer_history import ShownEntry

_CHANGES = {
    CustomerAction.METHOD_PUT: "Details for {method} set",
    CustomerAction.METHOD_DELETED: "Details for {method} removed",
    CustomerAction.METHOD_CORRECTED: "Details for {method} corrected by its provider",
    CustomerAction.METHOD_NOTED: "Its provider has reported something about {method}",
    CustomerAction.METHOD_BLOCKED: "Details for {method} must not be used any more",
    CustomerAction.METHOD_RESEALED: "Details for {method} encrypted with another key",
    CustomerAction.ATTRIBUTES_CHANGED: "Attributes changed",
    CustomerAction.ERASED: "Erased",
}


@blp.app_template_filter("console_sentence")
def sentence(text: str) -> str:
    """Return a text with a capital letter first, and the rest as it is."""
    return text[:1].upper() + text[1:]


@blp.app_template_filter("console_change")
def change_words(line: ShownEntry) -> str:
    """Return in words what a line of a customer's history says."""
    entry = line.entry
    if entry.action is CustomerAction.REGISTERED:
        return f"Registered with {entry.email}" if entry.email else "Registered"
    if entry.action is CustomerAction.EMAIL_CHANGED:
        return f"E-mail address set to {entry.email}" if entry.email else "E-mail address changed"
    if entry.action is CustomerAction.DEFAULT_CHANGED:
        return f"Default method: {entry.method or 'none'}"
    return _CHANGES[entry.action].format(method=entry.method)
