"""Headers that could say where the application is mounted, or who asks: from nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gunicorn import Gunicorn, ask, running_gunicorn

STRANGER = "203.0.113.9"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """Start it in a home of its own, where gunicorn would put its control socket."""
    folder = tmp_path_factory.mktemp("headers")
    with running_gunicorn(folder, HOME=str(folder), XDG_RUNTIME_DIR=str(folder)) as service:
        yield service


def get(service: Gunicorn, *lines: str, path: str = "/v1/api/customer/nobody") -> int:
    return ask(service, service.head("GET", path, *lines) + b"\r\n").status


@pytest.mark.parametrize("value", ["/v1", "/v1/api/customer/nobody", "/x"])
@pytest.mark.parametrize("name", ["SCRIPT_NAME", "Script_Name", "PATH_INFO", "Script-Name"])
def test_no_header_moves_the_application(service: Gunicorn, name: str, value: str) -> None:
    """Although the request comes from this machine, of which gunicorn would take them."""
    assert get(service, f"{name}: {value}") == 404
    assert get(service, f"{name}: {value}", path="/healthz") == 200


def test_no_header_with_an_underscore_is_a_credential(service: Gunicorn) -> None:
    stranger = service.head("GET", "/v1/api/customer", f"X_API_Key: {service.key}", key=False)
    assert ask(service, stranger + b"\r\n").status == 401


@pytest.mark.parametrize("line", ["X-Forwarded-Proto: gopher", "X-Forwarded-Ssl: on"])
def test_no_header_changes_the_scheme(service: Gunicorn, line: str) -> None:
    assert get(service, line, "X-Forwarded-Proto: https", path="/healthz") == 200


def test_the_log_has_the_address_of_the_connection(service: Gunicorn) -> None:
    head = service.head("GET", "/v1/api/customer", f"X-Forwarded-For: {STRANGER}", key=False)
    assert ask(service, head + b"\r\n").status == 401
    assert STRANGER not in service.output()
    assert "source=127.0.0.1" in service.output()


def test_there_is_no_control_socket(service: Gunicorn) -> None:
    assert list(service.log.parent.rglob("*.ctl")) == []
    assert not (Path(service.log.parent) / ".gunicorn").exists()
