"""The services of the back office, as the console uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paymentapp.api.blueprint import services

if TYPE_CHECKING:
    from paymentapp.bootstrap_backoffice import BackOffice


def backoffice() -> BackOffice:
    """Return the back office, whose calls of providers are made once: a person waits.

    It is imported at the first use, as by the commands: a process that nobody asks has none of it.
    """
    from paymentapp.bootstrap_backoffice import build_backoffice

    return build_backoffice(services(), progress=lambda _text: None, tries=1)
