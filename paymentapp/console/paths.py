"""Paths that lead to no page of their own: answered by a page, and not by the API's JSON."""

from __future__ import annotations

from flask import Response, make_response, redirect, url_for

from paymentapp.api.blueprint import public
from paymentapp.console.blueprint import SEE_OTHER, blp
from paymentapp.console.errors import error_page


@blp.get("")
@public
def without_slash() -> Response:
    """Lead to the first page. werkzeug would name the scheme, which a proxy may have changed."""
    return make_response(redirect(url_for("console.today"), SEE_OTHER))


@blp.route("/<path:path>", methods=["GET", "POST"])
@public
def unknown(path: str) -> Response:  # noqa: ARG001  # whatever it is, it is not repeated
    """Say that there is no such page."""
    return error_page(404, "There is no such page", "Its address may be misspelt, or of a form.")
