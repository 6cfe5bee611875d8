"""The base of every page: the blueprint, and what a view requires."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, make_response, redirect, url_for

View = TypeVar("View", bound=Callable[..., Any])

SEE_OTHER = 303  # the answer to a form, so that going back or reloading sends nothing again

blp = Blueprint(
    "console",
    __name__,
    url_prefix="/console",
    template_folder="templates",
)


def requires(*scopes: str) -> Callable[[View], View]:
    """Serve a view to who has one of these scopes; `admin` implies each. Goes below the route."""

    def decorator(view: View) -> View:
        vars(view)["scopes"] = scopes
        return view

    return decorator


def go_to(endpoint: str, **values: Any) -> Response:
    """Return the answer to a form: the browser gets a page of the console next."""
    return make_response(redirect(url_for(f"{blp.name}.{endpoint}", **values), SEE_OTHER))
