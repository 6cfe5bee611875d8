"""Schemas of webhooks."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class ReceivedSchema(Schema):
    """The answer to a stored event."""

    status = fields.String(required=True, validate=validate.Equal("received"))
