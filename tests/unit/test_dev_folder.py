"""`run --dev` leaves its settings for a second shell, and keeps the simulators' port."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from paymentapp.cli.dev_folder import (
    SIMULATED,
    forget_simulators,
    kept_port,
    second_shell,
    written,
)
from paymentapp.cli.run_simulators import names_an_account
from paymentapp.declarations import unknown

PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def sourced(file: Path) -> dict[str, str]:
    """Return the environment of a program in a shell that has read the file."""
    program = ["sh", "-c", f'. {file} && "$0" -c "$1"', sys.executable, PRINT]
    done = subprocess.run(program, env={}, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_a_shell_reads_every_value_as_it_is(tmp_path: Path) -> None:
    settings = {"PAYMENTAPP_ROUTES": 'it\'s "$HOME" `x`; USD *: a b', "PORT": "8001"}
    file = tmp_path / "dev.env"
    with written(settings, file):
        assert settings.items() <= sourced(file).items()
        assert file.stat().st_mode & 0o777 == 0o600
    assert not file.exists()


def test_what_another_service_wrote_stays(tmp_path: Path) -> None:
    file = tmp_path / "dev.env"
    with written({"PORT": "8000"}, file):
        file.write_text("export PORT=8001\n")
    assert file.read_text() == "export PORT=8001\n"


def test_the_store_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert second_shell({}, {}, "sqlite:///var/x.db") == {
        "PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/var/x.db"
    }
    assert second_shell({}, {}, "dynamodb") == {"PAYMENTAPP_STORE": "dynamodb"}


def test_it_has_the_simulators_and_the_settings_but_no_secret_and_nothing_foreign() -> None:
    environ = {
        "PAYMENTAPP_APPROVALS": "USD 5..: 1",
        "PAYMENTAPP_STRIPE_SECRET_KEY": "sk_live_notreal",
        "PAYMENTAPP_AUTH": "off",
        "PAYPAL_CLIENT_SECRET": "simulator",
        "PORT": "8001",
        "HOME": "/root",
    }
    found = second_shell(environ, {"PAYPAL_CLIENT_SECRET": "simulator"}, "dynamodb")
    assert set(found) == {
        SIMULATED,
        "PAYMENTAPP_APPROVALS",
        "PAYPAL_CLIENT_SECRET",
        "PAYMENTAPP_STORE",
        "PORT",
    }


def test_a_service_started_from_a_second_shell_gets_simulators_of_its_own() -> None:
    """Its shell has read var/dev.env, whose simulators have ended with the service before."""
    simulated = {"PAYPAL_BASE_URL": "http://127.0.0.1:9", "PAYPAL_CLIENT_ID": "simulator"}
    environ = {"PORT": "8001", **second_shell({}, simulated, "dynamodb")}
    assert names_an_account(environ)
    forget_simulators(environ)
    assert environ == {"PORT": "8001", "PAYMENTAPP_STORE": "dynamodb"}
    forget_simulators(environ)  # as in any other shell
    assert set(environ) == {"PORT", "PAYMENTAPP_STORE"}


def test_what_is_left_for_a_second_shell_is_no_misspelt_setting() -> None:
    assert unknown(second_shell({}, {"PAYPAL_BASE_URL": "http://127.0.0.1:9"}, "dynamodb")) == {}


def test_a_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    file = tmp_path / "port"
    assert kept_port(file) == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file.write_text(str(port))
        assert kept_port(file) == 0
    assert kept_port(file) == port
    for wrong in ("", "x", "99999999", "-1"):
        file.write_text(wrong)
        assert kept_port(file) == 0
