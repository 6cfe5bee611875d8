"""The start of the service as a user sees it: output, refusals, end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.service import alive, children, clean_environ, free_port, running_service


def run(
    folder: Path, *arguments: str, module: str = "paymentapp", **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=clean_environ() | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def plain_gunicorn(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    arguments = ["-c", "python:paymentapp.gunicorn_conf", "wsgi:app"]
    return run(folder, *arguments, module="gunicorn", PORT=str(free_port()), **environ)


def test_its_lines_say_what_is_in_force_and_the_line_to_try_works(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        output = service.output()
        assert service.url in output
        assert re.search(rf"store +SQLite {tmp_path}/var/paymentapp\.db", output)
        assert re.search(r"paypal +.*simulator", output)
        assert re.search(r"authentication +none", output)
        assert re.search(rf"console +{service.url}/console$", output, re.MULTILINE)
        (line,) = re.findall(r"^  (curl .*)$", output, re.MULTILINE)
        tried = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        assert '"customer_id":"unixuser1"' in tried.stdout
        status, ready = service.call("GET", "/readyz")
        assert (status, ready["status"]) == (200, "ready")


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        pids = service.descendants()
        assert len(pids) >= 4  # the simulator, gunicorn's master and its two workers
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(30) == 0
        end = time.monotonic() + 5
        while any(alive(pid) for pid in pids) and time.monotonic() < end:
            time.sleep(0.05)
        assert [pid for pid in pids if alive(pid)] == []


def test_a_second_shell_reaches_the_same_simulators(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        assert ". var/dev.env" in service.output()
        person = {"customer_id": "ann", "email": "ann@example.com"}
        service.call("POST", "/v1/api/customer", person)
        wait = {"Prefer": "wait=10"}
        order = {**person, "amount": 5, "currency": "USD"}
        _, paid = service.call("POST", "/v1/api/payment", order, wait)
        assert paid["status"] == "succeeded"
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        command = (
            f". {tmp_path}/var/dev.env && {sys.executable} -m paymentapp reconcile --no-search"
        )
        found = subprocess.run(
            ["sh", "-c", command],
            cwd=elsewhere,
            env=clean_environ(),
            capture_output=True,
            text=True,
        )
        assert found.returncode == 0, found.stdout + found.stderr
        assert "1 batch, 1 payment" in found.stdout
    assert not (tmp_path / "var" / "dev.env").exists()


def test_the_simulators_keep_their_port(tmp_path: Path) -> None:
    pages = []
    for _ in range(2):
        with running_service(tmp_path) as service:
            pages += re.findall(r"simulated: see (\S+)", service.output())
    assert len(pages) == 2
    assert len(set(pages)) == 1


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run(tmp_path, "run", "--dev", PORT=port)
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert f"port {port}" in line
    assert "PORT=" in line


def test_options_say_where_to_listen_whatever_the_settings_say(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        options = ["--host", "127.0.0.1", "--port", port]
        ended = run(tmp_path, "run", "--dev", *options, PORT="0", PAYMENTAPP_HOST="0.0.0.0")
    assert ended.returncode == 2
    assert port in ended.stderr


def test_another_address_without_authentication_is_refused(tmp_path: Path) -> None:
    dev = run(tmp_path, "run", "--dev", PAYMENTAPP_HOST="0.0.0.0", PORT=str(free_port()))
    assert dev.returncode == 2
    assert "loopback" in dev.stderr
    run(tmp_path, "init")
    off = run(
        tmp_path, "run", PAYMENTAPP_HOST="0.0.0.0", PAYMENTAPP_AUTH="off", PORT=str(free_port())
    )
    assert off.returncode == 2
    assert "PAYMENTAPP_AUTH" in off.stderr


def test_another_address_without_a_key_is_refused_and_told_how(tmp_path: Path) -> None:
    environ = {
        "PAYMENTAPP_HOST": "0.0.0.0",
        "PORT": str(free_port()),
        "PAYPAL_CLIENT_ID": "id",
        "PAYPAL_CLIENT_SECRET": "not-a-real-secret",
    }
    run(tmp_path, "init")
    ended = run(tmp_path, "run", **environ)
    assert ended.returncode == 2
    assert "paymentapp keys create" in ended.stderr
    assert "not-a-real-secret" not in ended.stderr


def test_plain_gunicorn_refuses_strangers_too(tmp_path: Path) -> None:
    ended = plain_gunicorn(tmp_path, PAYMENTAPP_HOST="0.0.0.0", PAYMENTAPP_AUTH="off")
    assert ended.returncode != 0
    assert "PAYMENTAPP_AUTH" in ended.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAYPAL_BASE_URL", "http://user:hunter2@example.com"),
        ("PAYMENTAPP_STRIPE_SECRET_KEY", "pk_live_hunter2"),
        ("PAYMENTAPP_ACH_ORIGIN", "hunter2"),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(tmp_path: Path, name: str, value: str) -> None:
    ended = run(tmp_path, "run", **{name: value, "PORT": str(free_port())})
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert name in line
    assert "hunter2" not in ended.stderr


def test_so_it_is_where_gunicorn_is_started_by_itself(tmp_path: Path) -> None:
    ended = plain_gunicorn(tmp_path, PAYMENTAPP_STRIPE_SECRET_KEY="pk_live_hunter2")
    assert ended.returncode != 0
    assert "PAYMENTAPP_STRIPE_SECRET_KEY" in ended.stderr.splitlines()[-1]
    assert "hunter2" not in ended.stderr


PAYPAL = {"PAYPAL_CLIENT_ID": "id", "PAYPAL_CLIENT_SECRET": "not-a-real-secret"}
LIVE_PAYPAL = PAYPAL | {"PAYPAL_BASE_URL": "https://api-m.paypal.com"}
LIVE_STRIPE = {"PAYMENTAPP_STRIPE_SECRET_KEY": "sk_live_notreal"}


@pytest.mark.parametrize(
    ("account", "shown"), [(LIVE_PAYPAL, "PayPal LIVE"), (LIVE_STRIPE, "Stripe LIVE")]
)
def test_without_authentication_no_real_money_is_paid(
    tmp_path: Path, account: dict[str, str], shown: str
) -> None:
    ended = run(tmp_path, "run", "--dev", PORT=str(free_port()), **account)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert shown in line
    assert "--live" in line
    assert "not-a-real-secret" not in line


def test_live_alone_is_a_mistake(tmp_path: Path) -> None:
    ended = run(tmp_path, "run", "--live")
    assert ended.returncode == 2
    assert "--live goes with --dev" in ended.stderr


def test_with_the_flag_that_says_live_callers_need_a_key(tmp_path: Path) -> None:
    off = {"PAYMENTAPP_DISPATCHER": "off", "PAYMENTAPP_AUTH": "off"}
    with running_service(tmp_path, "run --dev --live", **off, **LIVE_STRIPE) as service:
        output = service.output()
        assert re.search(r"stripe +Stripe LIVE", output)
        assert "paypal, ach and openach simulated" in output
        assert "all simulated" not in output
        assert re.search(r"authentication +API keys", output)
        assert service.call("GET", "/v1/api/payment")[0] == 401


UNKNOWN = (
    "PAYMENTAPP_SENDRES is set, but is no setting of this service: is PAYMENTAPP_SENDERS meant?"
)


def test_a_misspelt_variable_is_warned_of_once(tmp_path: Path) -> None:
    with running_service(tmp_path, PAYMENTAPP_SENDRES="hunter2") as service:
        assert service.output().count(UNKNOWN) == 1
        assert "hunter2" not in service.output()


def test_so_it_is_by_a_worker(tmp_path: Path) -> None:
    run(tmp_path, "init")
    worker = subprocess.Popen(
        [sys.executable, "-m", "paymentapp", "worker"],
        cwd=tmp_path,
        env=clean_environ() | {"PAYMENTAPP_SENDRES": "hunter2"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    told = ""
    while "worker: dispatching" not in told and (line := worker.stderr.readline()):
        told += line
    worker.send_signal(signal.SIGTERM)
    told += worker.communicate(timeout=30)[1]
    assert told.count(UNKNOWN) == 1
    assert "hunter2" not in told


def test_tables_are_made_once(tmp_path: Path) -> None:
    first = run(tmp_path, "init")
    assert "created: Customers, Disbursements, Operations" in first.stdout
    assert "nothing to create" in run(tmp_path, "init").stdout


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    run(tmp_path, "init")
    made = run(tmp_path, "keys", "create", "till", "--scope", "read")
    secret = made.stdout.strip()
    key_id = secret.split("_")[1]
    listed = run(tmp_path, "keys", "list").stdout
    assert key_id in listed
    assert "valid" in listed
    assert secret.split("_", 2)[2] not in listed  # the secret may hold "_" too
    assert run(tmp_path, "keys", "revoke", key_id).returncode == 0
    assert "revoked" in run(tmp_path, "keys", "list").stdout
    unknown = run(tmp_path, "keys", "revoke", "nobody")
    assert unknown.returncode == 2
    assert "nobody" in unknown.stderr


def test_where_one_process_has_ended_the_others_are_ended_and_the_status_is_1(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path) as service:
        pids = service.descendants()
        os.kill(children(service.process.pid)[0], signal.SIGKILL)
        assert service.process.wait(30) == 1
        assert [pid for pid in pids if alive(pid)] == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_nothing_outlives_the_command_however_it_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running_service(tmp_path) as service:
        pids = service.descendants()
        service.process.send_signal(number)
        service.process.wait(30)
        end = time.monotonic() + 20
        while any(alive(pid) for pid in pids) and time.monotonic() < end:
            time.sleep(0.05)
        assert [pid for pid in pids if alive(pid)] == []
