"""The address that the log names: the client's, where a proxy is trusted to tell it."""

from __future__ import annotations

import logging

import pytest

from paymentapp.config import Settings
from paymentapp.trusted_proxies import TrustedProxies
from tests.api.conftest import Bench
from tests.unit.test_trusted_proxies import trusting

CLIENT = "203.0.113.9"


@pytest.mark.parametrize(
    ("proxies", "source"),
    [(TrustedProxies(), "192.0.2.1"), (trusting("192.0.2.1"), CLIENT)],
    ids=["nobody is trusted", "the proxy is trusted"],
)
def test_the_log_names_the_client_and_not_what_the_client_says(
    caplog: pytest.LogCaptureFixture, proxies: TrustedProxies, source: str
) -> None:
    caplog.set_level(logging.INFO, "paymentapp.security")
    Bench(Settings(trusted_proxies=proxies)).caller(None).get(
        "/v1/api/customer",
        environ_base={"REMOTE_ADDR": "192.0.2.1"},
        headers={"X-Forwarded-For": f"127.0.0.1, {CLIENT}"},
    )
    assert f"source={source}" in caplog.text


def test_a_forwarded_request_is_not_from_this_machine_whoever_is_trusted() -> None:
    bench = Bench(Settings(auth=False, trusted_proxies=trusting("127.0.0.1")))
    answer = bench.caller(None).get("/v1/api/customer", headers={"X-Forwarded-For": "127.0.0.1"})
    assert answer.status_code == 403
