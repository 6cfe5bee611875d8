"""The cost of a DynamoDB write by the size of its item."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from paymentapp.storage.item_size import item_size

__all__ = ["item_size", "write_units"]


def write_units(*versions: Mapping[str, Any]) -> int:
    """Return the units of one write: one for each KB of the larger of the old and new versions."""
    return max(1, math.ceil(max(map(item_size, versions)) / 1024))
