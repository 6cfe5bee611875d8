"""The proxies in front of the service, and the address of a client behind them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from paymentapp.variables import VariableKind

UNIX = "unix"  # every peer on a Unix socket: the file's permissions decide who may connect

_Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The addresses whose `X-Forwarded-For` is believed. By default there are none."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    def client(self, peer: str, forwarded_for: str) -> str:
        """Return the address of the client, in its canonical form.

        `peer` is the address that the connection comes from, empty on a Unix socket;
        `forwarded_for` is the value of `X-Forwarded-For`. Each proxy appends the address that it
        sees, so the last address that is no trusted proxy's is the client's; what stands before it
        is what the client itself has sent.
        """
        nearest = _parse(peer)
        if not self._trusts(nearest):
            return str(nearest or peer)
        for text in reversed(forwarded_for.split(",")):
            address = _parse(text.strip())
            if address is None:
                break
            nearest = address
            if not self._trusts(address):
                break
        return str(nearest or peer)

    def _trusts(self, address: _Address | None) -> bool:
        if address is None:
            return self.unix
        return any(address in network for network in self.networks)


def trusted_proxies() -> VariableKind[TrustedProxies]:
    """Accept addresses and networks, several with commas, and `unix` for Unix sockets."""
    return VariableKind(
        _read, "IP addresses or networks, such as 10.0.0.0/8, several with commas, or unix"
    )


def _read(text: str) -> TrustedProxies:
    names = [name.strip() for name in text.split(",") if name.strip()]
    networks = tuple(ip_network(name) for name in names if name != UNIX)
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError  # every address: then any client could name its own
    return TrustedProxies(networks, UNIX in names)


def _parse(text: str) -> _Address | None:
    """Return an address, an IPv4 one that is mapped into IPv6 as itself; None if it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
