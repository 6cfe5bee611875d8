"""Requests from this machine: what is served where there is no key to authenticate a caller."""

from __future__ import annotations

from flask import Request

from paymentapp.loopback import is_loopback

# Headers by which proxies and load balancers say that they pass on somebody else's request.
_FORWARDED = (
    *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"),
    *("X-Forwarded-Port", "X-Forwarded-Server", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP"),
    *("X-Original-Forwarded-For", "X-Envoy-External-Address"),
    *("True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP"),
)
# https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header: a page of this service, or no page.
# `same-site` is another port or a subdomain, so another program.
_OWN_SITES = frozenset({"same-origin", "none"})


def is_local(req: Request) -> bool:
    """Return whether a request comes from a program on this machine, and from no web page.

    The address that the server listens on is not relied on. A request that a proxy forwarded is
    not local. Neither is one that a browser sends for a page of another origin (cross-site request
    forgery), nor one for another host name, which such a page could make resolve to this machine
    (DNS rebinding).
    """
    local = is_loopback(req.remote_addr or "") and is_loopback(host_name(req))
    return local and not _is_forwarded(req) and not is_of_another_page(req)


def host_name(req: Request) -> str:
    """Return the host of the `Host` header, without a port."""
    host = req.headers.get("Host", "")
    return host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


def _is_forwarded(req: Request) -> bool:
    return any(name in req.headers for name in _FORWARDED)


def is_of_another_page(req: Request) -> bool:
    """Return whether the browser says that a page of another origin has caused a request."""
    if req.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
        return True
    origin = req.headers.get("Origin")
    host = req.headers.get("Host", "")
    return origin is not None and origin not in {f"http://{host}", f"https://{host}"}
