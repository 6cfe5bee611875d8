"""What a write costs on DynamoDB, by the size of its item."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from paymentapp.storage.item_size import item_size

__all__ = ["item_size", "write_units"]


def write_units(*versions: Mapping[str, Any]) -> int:
    """Units of one write: a KB of the larger of the versions before and after costs one."""
    return max(1, math.ceil(max(map(item_size, versions)) / 1024))
