"""Which addresses are believed about the client's, and which is taken for it."""

from __future__ import annotations

import pytest

from paymentapp.config import load_settings
from paymentapp.errors import SettingsError
from paymentapp.trusted_proxies import TrustedProxies

STRANGER = "198.51.100.7"
CLIENT = "203.0.113.9"


def trusting(text: str) -> TrustedProxies:
    return load_settings({"PAYMENTAPP_TRUSTED_PROXIES": text}).trusted_proxies


def test_nobody_is_believed_by_default() -> None:
    assert load_settings({}).trusted_proxies.client("127.0.0.1", CLIENT) == "127.0.0.1"
    assert load_settings({}).trusted_proxies.client("", CLIENT) == ""


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.5", CLIENT, CLIENT),
        ("10.0.0.5", "", "10.0.0.5"),
        ("10.0.0.5", f"6.6.6.6, {CLIENT}", CLIENT),
        ("10.0.0.5", f"6.6.6.6,{CLIENT} , 10.0.0.6, fd00::1", CLIENT),
        ("10.0.0.5", "10.0.0.7, 10.0.0.6", "10.0.0.7"),
        ("10.0.0.5", f"{CLIENT}, nonsense", "10.0.0.5"),
        ("10.0.0.5", f"{CLIENT}:1234", "10.0.0.5"),
        ("10.0.0.5", f"{CLIENT}, 10.0.0.6, ", "10.0.0.5"),
        ("::ffff:10.0.0.5", f"::ffff:{CLIENT}", CLIENT),
        ("10.0.0.5", "2001:0DB8:0::1", "2001:db8::1"),
        (STRANGER, CLIENT, STRANGER),
        (f"::ffff:{STRANGER}", CLIENT, STRANGER),
        ("", CLIENT, ""),
    ],
)
def test_the_last_address_of_a_stranger_is_the_clients(
    peer: str, forwarded_for: str, client: str
) -> None:
    assert trusting("10.0.0.0/24, fd00::/8").client(peer, forwarded_for) == client


def test_a_unix_socket_is_trusted_where_that_is_said() -> None:
    assert trusting("unix").client("", CLIENT) == CLIENT
    assert trusting("unix").client("", "") == ""
    assert trusting("unix").client(STRANGER, CLIENT) == STRANGER


@pytest.mark.parametrize("text", ["*", "proxy.example", "0.0.0.0/0", "::/0", "10.0.0.1/8"])
def test_a_setting_that_would_trust_anybody_or_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_TRUSTED_PROXIES must be IP addresses"):
        trusting(text)
