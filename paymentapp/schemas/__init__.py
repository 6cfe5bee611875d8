"""The JSON models, as marshmallow schemas."""
