"""The caller's own texts on a payment: `reference`, `description`, `metadata` and `options`.

They are optional, and never change. Description and metadata may hold personal data: they are in
no log line, no error text and no `repr`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

REFERENCE_PATTERN = r"^[ -~]{1,100}$"  # printable ASCII
DESCRIPTION_MAX = 200  # characters
# Any Unicode but control characters (category Cc) and the two that end a line or a paragraph.
DESCRIPTION_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$"
METADATA_MAX = 20  # pairs
METADATA_KEY_PATTERN = r"^[A-Za-z0-9_.-]{1,40}$"
METADATA_VALUE_MAX = 200  # characters
METADATA_VALUE_PATTERN = DESCRIPTION_PATTERN
OPTIONS_MAX = 10  # pairs
OPTION_NAME_PATTERN = r"^[a-z][a-z0-9_]{0,31}$"
OWN_OPTION = "_"  # begins the names of options that the service sets itself

Metadata = tuple[tuple[str, str], ...]  # pairs of key and value, in the order of the keys


class CallerTexts(NamedTuple):
    """The texts of a request or a payment."""

    reference: str | None = None
    description: str | None = None
    metadata: Metadata = ()
    options: Metadata = ()  # what the payment asks of its payment method

    def __repr__(self) -> str:
        return "CallerTexts(...)"

    @property
    def canonical(self) -> str:
        """Return one line of text: the same for equal texts, and another one for others."""
        texts = [self.reference, self.description, self.metadata]
        return json.dumps([*texts, self.options] if self.options else texts, ensure_ascii=True)

    @property
    def shown_options(self) -> dict[str, str]:
        """Return the options that the caller has named."""
        return {name: text for name, text in self.options if not name.startswith(OWN_OPTION)}

    def with_options(self, options: Metadata) -> CallerTexts:
        """Return the same texts with these options of the service's own, and no other such."""
        if not self.options and not options:
            return self
        return self._replace(options=sorted_metadata(self.shown_options | dict(options)))


NO_TEXTS = CallerTexts()


def sorted_metadata(pairs: Mapping[str, Any]) -> Metadata:
    """Return metadata in the order of its keys, so that equal metadata has one form."""
    return tuple(sorted(pairs.items()))
