"""The JSON models of webhooks."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class ReceivedSchema(Schema):
    """The event is on record."""

    status = fields.String(required=True, validate=validate.Equal("received"))
