"""A provider's notes: what it must not forget, kept by the store and read by nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field

from paymentapp.models import new_revision


@dataclass(frozen=True, slots=True)
class Note:
    """What a provider keeps for itself, such as a file that it has rendered: a name, and a text
    of at most 300 KB. The text stays out of `repr`."""

    name: str
    text: str = field(repr=False)
    revision: str

    def changed(self, text: str) -> Note:
        """The next version of the note."""
        return Note(self.name, text, new_revision())
