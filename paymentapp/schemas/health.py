"""Schemas of the health checks."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class AliveSchema(Schema):
    """Whether the process is alive and its threads run."""

    status = fields.String(required=True, validate=validate.OneOf(["ok", "failing"]))
    detail = fields.String(metadata={"description": "Which thread has failed, and how."})


class CheckSchema(Schema):
    """The result of one check."""

    name = fields.String(required=True)
    ok = fields.Boolean(required=True)
    detail = fields.String(required=True, metadata={"description": "The result in words."})


class ReadySchema(Schema):
    """Whether the process is ready, and the result of each check."""

    status = fields.String(required=True, validate=validate.OneOf(["ready", "not ready"]))
    checks = fields.List(fields.Nested(CheckSchema), required=True)
