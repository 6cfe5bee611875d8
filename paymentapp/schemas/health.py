"""Schemas of the health checks."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

READY, NOT_READY = "ready", "not ready"


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
    """Whether the process is ready."""

    status = fields.String(required=True, validate=validate.OneOf([READY, NOT_READY]))


class ReadinessSchema(ReadySchema):
    """Whether the process is ready, and the result of each check."""

    checks = fields.List(fields.Nested(CheckSchema), required=True)
