"""Where a webhook may lead: to public addresses, so that no caller reaches this network by it.

Server-side request forgery (https://cheatsheetseries.owasp.org, "Server-Side Request Forgery
Prevention"): a URL is checked when it is registered, and each address that its name resolves to is
checked again at each connection, since names change.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from paymentapp.errors import PaymentAppError
from paymentapp.loopback import is_loopback

URL_MAX = 2000  # characters
NOT_PUBLIC = "Must not lead to a loopback, private, link-local or other address that is not public."
_PRINTABLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, section 2.1
# Public ones by Python's registry, where clouds serve credentials all the same: Azure's WireServer,
# and Oracle's 192.0.0.192 in the block of RFC 6890.
_METADATA = (IPv4Network("168.63.129.16/32"), IPv4Network("192.0.0.0/24"))


class ForbiddenUrl(PaymentAppError):
    """A webhook must not lead there; the message says what would be right."""


class WebhookTarget(NamedTuple):
    """The parts of the URL of a webhook; `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return the value of the Host header (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = {"https": 443, "http": 80}[self.scheme]
        return host if self.port == standard else f"{host}:{self.port}"


def check_url(url: str, *, allow_loopback: bool) -> WebhookTarget:
    """Return the parts of a URL that a webhook may have. Raises ForbiddenUrl.

    Nothing is resolved: names are checked when they are connected to.
    """
    if len(url) > URL_MAX or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise ForbiddenUrl(f"Must have at most {URL_MAX} printable ASCII characters, and no blank.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ForbiddenUrl("Must be an https URL.") from None
    plain = allow_loopback and parts.scheme == "http" and is_loopback(host)
    if parts.scheme != "https" and not plain:
        raise ForbiddenUrl("Must be an https URL.")
    if "@" in parts.netloc or "#" in url:
        raise ForbiddenUrl("Must have no user, no password and no fragment.")
    _check_host(host, allow_loopback=allow_loopback)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return WebhookTarget(parts.scheme, host, port or {"https": 443, "http": 80}[parts.scheme], path)


def _check_host(host: str, *, allow_loopback: bool) -> None:
    address = _address(host)
    if address is not None:
        if not is_allowed(host, allow_loopback=allow_loopback):
            raise ForbiddenUrl(NOT_PUBLIC)
        return
    labels = host.rstrip(".").split(".")
    # Resolvers take `127.1`, `0x7f.1` and `2130706433` for addresses too.
    if not _HOST.fullmatch(host) or _NUMBER.fullmatch(labels[-1]):
        raise ForbiddenUrl("Must have the name of a host, or an IP address in its usual form.")
    if labels[-1].lower() == "localhost" and not allow_loopback:
        raise ForbiddenUrl(NOT_PUBLIC)


def is_allowed(address: str, *, allow_loopback: bool) -> bool:
    """Return whether a webhook may be sent to an IP address."""
    return is_public(address) or (allow_loopback and is_loopback(address))


def is_public(text: str) -> bool:
    """Return whether an IP address is one of the public network, and of no metadata service.

    The registries of special addresses are Python's (RFC 6890). An IPv6 address that stands for an
    IPv4 address is as public as that; of the old tunnels (6to4, Teredo) none is.
    """
    address = _address(text)
    if address is None:
        return False
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if address.sixtofour is not None or address.teredo is not None or address.is_site_local:
            return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    metadata = any(address in network for network in _METADATA)
    return address.is_global and not special and not metadata


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
