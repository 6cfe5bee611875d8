"""The models of request headers."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, fields

from paymentapp.schemas.common import Pattern

WAIT_MAX = 30  # seconds
# A string of RFC 8941 in quotes, or the same text bare.
KEY_PATTERN = r'^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-~]|[!#-~][ -~]{0,253}[!-~])$'
_PREFERENCE = re.compile(
    r"""\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)          # the name
        \s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s",;]*))? # its value
        (?:\s*;(?:[^",]|"(?:[^"\\]|\\.)*")*)?     # parameters, of no use to us
        \s*(?:,|$)""",
    re.VERBOSE,
)


class IdempotencyKey(fields.String):
    """The key, without the quotes and escapes of its structured form."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        _check_key(text)
        return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


class PreferWait(fields.String):
    """The seconds of `wait` among the preferences, or None. Nothing here is an error."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return preferred_wait(value)


class PreferSchema(Schema):
    """The headers of a request that may wait for an outcome."""

    wait = PreferWait(
        data_key="Prefer",
        metadata={
            "description": f"`wait=N` (RFC 7240): answer once the payment has an outcome, or "
            f"after N seconds, {WAIT_MAX} at most. Where too many callers wait already, the "
            "answer comes at once and without `Preference-Applied`. Other preferences are ignored.",
            "example": "wait=10",
        },
    )


class PaymentHeadersSchema(PreferSchema):
    """The headers of a request for a payment."""

    idempotency_key = IdempotencyKey(
        data_key="Idempotency-Key",
        metadata={
            "description": "Makes it safe to send the request again: the same key and body are "
            "one payment, for 35 days. 1 to 255 printable ASCII characters, in quotes "
            "(draft-ietf-httpapi-idempotency-key-header) or bare, which is the same key.",
            "pattern": KEY_PATTERN,
            "example": '"b9d7a9a2-52a6-4d1c-8d52-9f0a3b1c6c1e"',
        },
    )


_check_key = Pattern(
    KEY_PATTERN, error="Must be 1 to 255 printable ASCII characters, in quotes or bare."
)


def preferred_wait(header: str) -> int | None:
    """How many seconds a Prefer header asks to wait; None where it does not, or is malformed."""
    position = 0
    while position < len(header):
        preference = _PREFERENCE.match(header, position)
        if preference is None:
            return None
        name, value = preference.groups()
        if name.lower() == "wait":  # of several, the first one counts
            seconds = (value or "").strip('"')
            known = seconds.isascii() and seconds.isdigit() and len(seconds) < 10
            return min(int(seconds), WAIT_MAX) if known else None
        position = preference.end()
    return None
