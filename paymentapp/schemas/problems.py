"""Schemas of problem documents."""

from __future__ import annotations

from marshmallow import Schema, fields

from paymentapp.schemas.common import Moment


class FieldErrorSchema(Schema):
    """One error, and its place in the request."""

    pointer = fields.String(
        metadata={"description": "Place in the body, as a JSON Pointer (RFC 6901)."}
    )
    parameter = fields.String(metadata={"description": "Name of the query parameter."})
    header = fields.String(metadata={"description": "Name of the request header."})
    message = fields.String(
        required=True, metadata={"description": "What is wrong, and what is expected."}
    )


class ProblemSchema(Schema):
    """The body of every error (RFC 9457)."""

    type = fields.String(
        required=True,
        metadata={"format": "uri-reference", "description": "Problem type; stable."},
    )
    title = fields.String(
        required=True, metadata={"description": "Short text of the problem type."}
    )
    status = fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = fields.String(
        required=True, metadata={"description": "What is wrong here, or what to do about it."}
    )
    request_id = fields.String(
        required=True,
        metadata={
            "description": "The id of the request, as in `X-Request-Id` and in the service's log."
        },
    )
    errors = fields.List(
        fields.Nested(FieldErrorSchema),
        metadata={"description": "Each part of the request that is wrong."},
    )
    rule = fields.String(metadata={"description": "Of a limit: the rule that it is set by."})
    currency = fields.String(metadata={"description": "Of a limit: the currency of its amounts."})
    limit = fields.Decimal(metadata={"description": "Of a limit: its amount."})
    remaining = fields.Decimal(metadata={"description": "Of a limit: what is left of it."})
    resets_at = Moment(
        allow_none=True,
        metadata={
            "description": "Of a limit: when the same payment can be accepted, if no other is "
            "until then; null for never."
        },
    )
    payment = fields.String(
        metadata={
            "format": "uri-reference",
            "description": "Of a possible duplicate, or a reference that was used: the "
            "earlier payment.",
        }
    )
