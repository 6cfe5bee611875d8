"""The JSON models of health."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class AliveSchema(Schema):
    """Whether the process answers and its threads run."""

    status = fields.String(required=True, validate=validate.OneOf(["ok", "failing"]))
    detail = fields.String(metadata={"description": "Which thread has failed, and how."})


class CheckSchema(Schema):
    """One thing that has to be in order."""

    name = fields.String(required=True)
    ok = fields.Boolean(required=True)
    detail = fields.String(required=True, metadata={"description": "What is wrong, in words."})


class ReadySchema(Schema):
    """Whether the process can do its work."""

    status = fields.String(required=True, validate=validate.OneOf(["ready", "not ready"]))
    checks = fields.List(fields.Nested(CheckSchema), required=True)
