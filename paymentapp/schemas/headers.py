"""Schemas of request headers."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, fields

from paymentapp.schemas.common import Pattern

WAIT_MAX = 30  # seconds
# A quoted string of RFC 8941, or the same text without quotes.
KEY_PATTERN = r'^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-~]|[!#-~][ -~]{0,253}[!-~])$'
_PREFERENCE = re.compile(
    r"""\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)          # the name
        \s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s",;]*))? # the value
        (?:\s*;(?:[^",]|"(?:[^"\\]|\\.)*")*)?     # parameters, ignored
        \s*(?:,|$)""",
    re.VERBOSE,
)


class IdempotencyKey(fields.String):
    """An idempotency key. Loads without the quotes and escapes of its structured form."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        _check_key(text)
        return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


class PreferWait(fields.String):
    """The seconds of the preference `wait`, or None. Anything unknown or malformed is ignored."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return preferred_wait(value)


class PreferSchema(Schema):
    """Headers of a request that may wait for an outcome."""

    wait = PreferWait(
        data_key="Prefer",
        metadata={
            "description": f"`wait=N` (RFC 7240): answer once the payment has an outcome, or "
            f"after N seconds, at most {WAIT_MAX}. If too many callers are waiting, the answer "
            "comes at once, without `Preference-Applied`. Other preferences are ignored.",
            "example": "wait=10",
        },
    )


class PaymentHeadersSchema(PreferSchema):
    """Headers of a payment request."""

    idempotency_key = IdempotencyKey(
        data_key="Idempotency-Key",
        metadata={
            "description": "Makes a retry safe: for 35 days, requests with the same key and body "
            "are one payment. 1 to 255 printable ASCII characters, in quotes "
            "(draft-ietf-httpapi-idempotency-key-header) or bare; both forms are the same key.",
            "pattern": KEY_PATTERN,
            "example": '"b9d7a9a2-52a6-4d1c-8d52-9f0a3b1c6c1e"',
        },
    )


_check_key = Pattern(
    KEY_PATTERN, error="Must be 1 to 255 printable ASCII characters, in quotes or bare."
)


def preferred_wait(header: str) -> int | None:
    """Return the seconds to wait by a Prefer header (RFC 7240), at most WAIT_MAX.

    None where it has no `wait`, or is malformed.
    """
    position = 0
    while position < len(header):
        preference = _PREFERENCE.match(header, position)
        if preference is None:
            return None
        name, value = preference.groups()
        if name.lower() == "wait":  # the first of several counts: RFC 7240, section 2
            seconds = (value or "").strip('"')
            is_number = seconds.isascii() and seconds.isdigit() and len(seconds) < 10
            return min(int(seconds), WAIT_MAX) if is_number else None
        position = preference.end()
    return None
