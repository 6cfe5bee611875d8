"""Cookies of the console: for this host alone, not for scripts, nor for forms of other sites."""

from __future__ import annotations

from flask import Request, Response, request

from paymentapp.api.blueprint import services
from paymentapp.config import PROXY


def set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    """Give the browser a cookie. Without a domain, it is sent to no other host."""
    response.set_cookie(
        _full_name(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=_is_encrypted(request),
        httponly=True,
        samesite="Lax",
    )


def delete_cookie(response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    full_name, secure = _full_name(request, name), _is_encrypted(request)
    response.delete_cookie(full_name, path="/", secure=secure, httponly=True, samesite="Lax")


def read_cookie(req: Request, name: str) -> str:
    """Return the value of a cookie; empty where there is none."""
    return req.cookies.get(_full_name(req, name), "")


def _is_encrypted(req: Request) -> bool:
    return req.is_secure or services().settings.tls == PROXY


def _full_name(req: Request, name: str) -> str:
    """Return the name; a browser takes the prefix only over TLS, and from this host alone."""
    return f"__Host-{name}" if _is_encrypted(req) else name
