"""What a web process starts, and on which addresses it listens."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from paymentapp import create_app, gunicorn_conf
from paymentapp._version import __version__
from paymentapp.bootstrap import EXTENSION, Services, build_services
from paymentapp.config import Settings
from paymentapp.errors import SettingsError
from paymentapp.server import LOG_FORMAT, LineFormatter, check_access, serving_app, stop
from paymentapp.variables import Variables
from tests.support.memory_store import MemoryStore

ANYWHERE = "0.0.0.0"


@pytest.fixture
def services() -> Iterator[Services]:
    made = build_services(Settings(tls="proxy"), store=MemoryStore(), providers={})
    yield made
    made.worker.stop()


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set the environment, from which a web process starts."""
    monkeypatch.setenv("PAYMENTAPP_STORE", f"sqlite:///{tmp_path}/test.db")
    return monkeypatch


@pytest.mark.parametrize(("setting", "dispatches"), [("on", True), ("off", False)])
def test_a_web_process_dispatches_unless_that_is_switched_off(
    environ: pytest.MonkeyPatch, setting: str, dispatches: bool
) -> None:
    environ.setenv("PAYMENTAPP_DISPATCHER", setting)
    services: Services = serving_app().extensions[EXTENSION]
    assert services.worker.running is dispatches
    stop(services)
    atexit.unregister(stop)
    assert not services.worker.running


def test_a_service_with_a_valid_key_listens_anywhere(services: Services) -> None:
    services.api_keys.create("till", ["write"])
    check_access(services, ANYWHERE)


def test_a_service_whose_keys_are_all_revoked_does_not_listen_anywhere(services: Services) -> None:
    key, _ = services.api_keys.create("till", ["write"])
    services.api_keys.revoke(key.key_id)
    with pytest.raises(SettingsError, match="no valid API key"):
        check_access(services, ANYWHERE)


@pytest.mark.parametrize("host", [ANYWHERE, "::", "192.0.2.1", "payments.example"])
def test_a_service_that_nothing_encrypts_does_not_listen_on_a_network(host: str) -> None:
    services = build_services(Settings(), store=MemoryStore(), providers={})
    services.api_keys.create("till", ["write"])
    with pytest.raises(SettingsError, match=r"PAYMENTAPP_TLS=proxy .* --certfile"):
        check_access(services, host)
    check_access(services, host, certificate=True)
    for loopback in ("127.0.0.1", "::1", "localhost"):
        check_access(services, loopback)


def test_a_service_that_accepts_an_issuers_tokens_needs_no_key() -> None:
    issuer = {"PAYMENTAPP_OIDC_ISSUER": "https://id.example", "PAYMENTAPP_OIDC_AUDIENCE": "api"}
    settings = Settings(tls="proxy", variables=Variables(issuer))
    check_access(build_services(settings, store=MemoryStore(), providers={}), ANYWHERE)


@pytest.mark.usefixtures("environ")
def test_gunicorn_may_listen_on_a_unix_socket_without_a_key() -> None:
    """Allow it: the file's permissions decide who may connect."""
    arbiter: Any = SimpleNamespace(cfg=SimpleNamespace(address=["/run/paymentapp.sock"]))
    gunicorn_conf.on_starting(arbiter)


def test_gunicorn_does_not_start_where_strangers_could_pay(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("PAYMENTAPP_AUTH", "off")
    arbiter: Any = SimpleNamespace(
        cfg=SimpleNamespace(address=["/run/x.sock", (ANYWHERE, 8000)], is_ssl=False)
    )
    with pytest.raises(SystemExit, match="PAYMENTAPP_AUTH is off"):
        gunicorn_conf.on_starting(arbiter)


def test_gunicorn_does_not_start_with_half_an_issuer(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("PAYMENTAPP_OIDC_ISSUER", "https://id.example")
    arbiter: Any = SimpleNamespace(cfg=SimpleNamespace(address=[]))
    with pytest.raises(SystemExit, match="PAYMENTAPP_OIDC_AUDIENCE is not set"):
        gunicorn_conf.on_starting(arbiter)


def test_lines_have_the_time_that_logging_writes() -> None:
    lines, standard = LineFormatter(LOG_FORMAT), logging.Formatter(LOG_FORMAT)
    for seconds in (0, 0.0006, 0.9999, 3.25, 86_400, 3.25):
        record = logging.LogRecord("paymentapp", logging.INFO, "", 0, "paid %s", ("ada",), None)
        record.created, record.msecs = 1_790_000_000 + seconds, seconds % 1 * 1000
        assert lines.format(record) == standard.format(record)


def started(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what gunicorn logs once it listens, of the service with the current environment."""
    caplog.set_level(logging.INFO, "paymentapp")
    gunicorn_conf.when_ready(cast(Any, SimpleNamespace(LISTENERS=["http://127.0.0.1:8123"])))
    return [record.getMessage() for record in caplog.records]


def test_gunicorn_says_what_it_serves_where_and_who_pays(
    environ: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environ.setenv("PAYMENTAPP_STRIPE_SECRET_KEY", "sk_live_notreal")
    assert started(caplog) == [
        f"paymentapp {__version__} serves http://127.0.0.1:8123 from SQLite {tmp_path}/test.db; "
        "authentication: API keys; dispatching: on",
        "payments by paypal: PayPal sandbox (api-m.sandbox.paypal.com), not configured",
        "payments by stripe: Stripe LIVE (api.stripe.com)",
    ]


def test_it_says_what_is_switched_off(
    environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environ.setenv("PAYMENTAPP_AUTH", "off")
    environ.setenv("PAYMENTAPP_DISPATCHER", "off")
    first = started(caplog)[0]
    assert "authentication: none" in first
    assert "dispatching: off (`paymentapp worker` has to run)" in first


def test_what_is_wrong_is_left_for_the_workers_to_say(
    environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environ.setenv("PAYMENTAPP_ROUTES", "no rule")
    assert started(caplog) == []


@pytest.mark.usefixtures("environ")
def test_an_application_by_itself_says_that_it_dispatches_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As `flask --app paymentapp run` makes it."""
    app = create_app()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "dispatches nothing" in said
    assert "`paymentapp worker`" in said
    services: Services = app.extensions[EXTENSION]
    services.close()
    caplog.clear()
    create_app(build_services(Settings(), store=MemoryStore(), providers={}))
    assert caplog.records == []
