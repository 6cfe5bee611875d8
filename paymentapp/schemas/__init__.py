"""Marshmallow schemas of the request and response bodies, queries and headers."""
