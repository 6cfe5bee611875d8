"""The console's own style sheet, scripts and icon: nothing comes from another host."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_from_directory

from paymentapp.api.blueprint import public
from paymentapp.console.blueprint import blp

_FOLDER = Path(__file__).parent / "static"
_DAY = 86_400


@blp.get("/static/<filename>")
@public
def static(filename: str) -> Response:
    """Send a file; pages name it with the version, so that an update is seen at once."""
    response = send_from_directory(_FOLDER, filename, max_age=_DAY)
    response.headers["Cache-Control"] = f"public, max-age={_DAY}"
    return response
