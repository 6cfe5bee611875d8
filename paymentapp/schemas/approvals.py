"""Schemas of approvals."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from paymentapp.models.approvals import NOTE_MAX
from paymentapp.schemas.common import Moment, OptionalBody, Pattern, TextOrNull
from paymentapp.schemas.holds import ONE_LINE, ONE_LINE_ERROR


class ApprovalNoteSchema(OptionalBody):
    """An approval to be given."""

    note = fields.String(
        validate=[validate.Length(1, NOTE_MAX), Pattern(ONE_LINE, error=ONE_LINE_ERROR)],
        metadata={"description": "What was checked; kept with the approval."},
    )


class ApprovalSchema(Schema):
    """An approval that somebody has given."""

    at = Moment(required=True)
    by = TextOrNull(required=True, metadata={"description": "The client or operator who approved."})
    note = fields.String(required=True)
    void = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether it does not count any more, because the details of the payee "
            "have changed since."
        },
    )
