"""Schemas of request headers."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.request import parse_http_list

from marshmallow import fields

from paymentapp.schemas.common import Pattern
from paymentapp.schemas.flat import FlatSchema

WAIT_MAX = 30  # seconds
PREFER_MAX_LENGTH = 1000  # characters; a longer header is ignored
# A quoted string of RFC 8941, or the same text without quotes. Without quotes it has no comma: that
# is how servers join two headers.
KEY_PATTERN = r'^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-+\--~]|[!#-+\--~][ -+\--~]{0,253}[!-+\--~])$'
# RFC 9110, sections 8.8.3 and 13.1.1, of one tag.
IF_MATCH_PATTERN = r'^(\*|(W/)?"[!#-~]*")$'
KEY_MESSAGE = (
    "Must be one key, in one header: 1 to 255 printable ASCII characters, in quotes or bare. "
    "A key that contains a comma must be in quotes."
)
KEY_NEEDED = "Is needed here: without a key, a request whose answer is lost cannot be retried."
_WAIT = re.compile(r'wait[ \t]*=[ \t]*("?)([0-9]{1,9})\1', re.IGNORECASE)


class IdempotencyKey(fields.String):
    """An idempotency key. Loads without the quotes and escapes of its structured form."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        _check_key(text)
        if not text.startswith('"'):
            return text
        key = text[1:-1]
        return re.sub(r"\\(.)", r"\1", key) if "\\" in key else key


class VersionCondition(NamedTuple):
    """Which version of a record a request changes: that with `tag`, or any if it is None."""

    tag: str | None


class IfMatch(fields.String):
    """The entity tag of If-Match. Loads as a VersionCondition."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs).strip()
        _check_tag(text)
        # A weak tag matches nothing here (RFC 9110, section 8.8.3.2): it keeps its prefix.
        return VersionCondition(None if text == "*" else text.removeprefix('"').removesuffix('"'))


class IfMatchSchema(FlatSchema):
    """Header of a request that changes one version of a record."""

    if_match = IfMatch(
        data_key="If-Match",
        metadata={
            "description": "The `ETag` of the version to be changed, or `*` for whatever is "
            "stored. Without it the answer is 428; where the record has changed since, 412.",
            "format": "entity-tag",
            "example": "*",
        },
    )


class EraseIfMatchSchema(FlatSchema):
    """Header of a request that erases a record, whatever its version where it names none."""

    if_match = IfMatch(
        data_key="If-Match",
        metadata={
            "description": "The `ETag` of the version to be erased; where the record has changed "
            "since, the answer is 412. Without it, or as `*`, whatever is stored is erased.",
            "format": "entity-tag",
            "example": "*",
        },
    )


class PreferWait(fields.String):
    """The seconds of the preference `wait`, or None. Anything unknown or malformed is ignored."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return preferred_wait(value)


class PreferSchema(FlatSchema):
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


def _idempotency_key(made: str) -> IdempotencyKey:
    """Return the header of a request that makes something."""
    return IdempotencyKey(
        data_key="Idempotency-Key",
        metadata={
            "description": "Makes a retry safe: for 35 days, requests of one client with the same "
            f"key and body are one {made}. 1 to 255 printable ASCII characters, in quotes "
            "(draft-ietf-httpapi-idempotency-key-header) or bare; both forms are the same key. "
            f"A key that contains a comma must be in quotes. Use a new one for each new {made}, "
            "such as a random UUID.",
            # No example: Swagger UI would send it, and answer the second request with the first.
            "pattern": KEY_PATTERN,
        },
    )


class PaymentHeadersSchema(PreferSchema):
    """Headers of a payment request."""

    idempotency_key = _idempotency_key("payment")


class BulkHeadersSchema(FlatSchema):
    """Headers of a request for a bulk run."""

    idempotency_key = _idempotency_key("run")


class EndpointHeadersSchema(FlatSchema):
    """Headers of a request that registers a webhook endpoint."""

    idempotency_key = _idempotency_key("endpoint")


_check_tag = Pattern(IF_MATCH_PATTERN, error="Must be one ETag, in quotes, or *.")
_check_key = Pattern(KEY_PATTERN, error=KEY_MESSAGE)


def preferred_wait(header: str) -> int | None:
    """Return the seconds to wait by a Prefer header (RFC 7240), at most WAIT_MAX.

    Of several `wait`, in one header or in several, the first counts (section 2). None if there is
    none, or if it is malformed.
    """
    if len(header) > PREFER_MAX_LENGTH:
        return None
    for preference in parse_http_list(header):
        name = preference.partition(";")[0].partition("=")[0]
        if name.strip().lower() == "wait":
            wait = _WAIT.fullmatch(preference.partition(";")[0].strip())
            return min(int(wait[2]), WAIT_MAX) if wait else None
    return None
