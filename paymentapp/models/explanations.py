"""Explanations: what a provider's code means for a payment, in plain words, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from paymentapp.models.payments import code_of


class Explanation(NamedTuple):
    """What has happened, in a sentence or two, and the next steps, each a sentence."""

    meaning: str
    steps: tuple[str, ...]


def explained(meaning: str, *steps: str) -> Explanation:
    """Return an explanation with its steps in order."""
    return Explanation(meaning, steps)


def find_explanation(table: Mapping[str, Explanation], text: str) -> Explanation | None:
    """Return the explanation of the code with which a reason begins, or of a status."""
    return table.get(code_of(text)) or table.get(text.partition(":")[0]) or table.get(text)
