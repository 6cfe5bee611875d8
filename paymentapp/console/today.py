"""Today: what waits and why, what needs a person."""

from __future__ import annotations

from flask import render_template

from paymentapp.api.blueprint import services
from paymentapp.console.blueprint import blp, requires
from paymentapp.console.layout import READ


@blp.get("/")
@requires(READ)
def today() -> str:
    """Show what is open now."""
    return render_template("console/today.html", picture=services().overview.picture())
