"""The address of who sends the current request, for the log and for limits by address."""

from __future__ import annotations

from paymentapp.api.blueprint import current_request, services


def client_address() -> str:
    """Return the client's IP address in its canonical form; empty on a Unix socket without one.

    `X-Forwarded-For` counts only where the connection comes from one of
    `PAYMENTAPP_TRUSTED_PROXIES`; anybody else could put any address into it.
    """
    environ = current_request().environ
    peer, forwarded_for = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
    return services().settings.trusted_proxies.client(peer, forwarded_for)
