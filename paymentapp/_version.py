"""The version of the product: the one place where its number stands.

A constant, and not `importlib.metadata`: AWS Lambda runs the package without its metadata, and
a cold start should not search for it.
"""

from __future__ import annotations

__version__ = "0.2.0"
