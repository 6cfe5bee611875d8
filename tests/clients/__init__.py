"""Clients that others generate from the OpenAPI document, each paying somebody."""
