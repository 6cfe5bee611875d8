"""The size of an item, as DynamoDB counts it.

docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html: names and
strings by their UTF-8 bytes; a number one byte for two significant digits, and one; a null or a
boolean one byte; a list or map three bytes, and one for each element besides its contents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def item_size(item: Mapping[str, Any]) -> int:
    """Return the size in bytes of a record (plain values, not AttributeValues)."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int | Decimal):
        digits = Decimal(value).normalize().as_tuple()
        return math.ceil(len(digits.digits) / 2) + 1 + digits.sign
    if isinstance(value, Mapping):
        return 3 + item_size(value) + len(value)
    return 3 + sum(1 + _size(part) for part in value)
