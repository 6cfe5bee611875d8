"""The scripts in curl/: usage, the address that they call, and JSON for people."""

from __future__ import annotations

import json
import os
import pty
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.service import ROOT, clean_environ

SCRIPTS = sorted(path.name for path in (ROOT / "curl").glob("*.sh") if path.name != "common.sh")
# Those that can do something without arguments.
WITHOUT_ARGUMENTS = {
    *("add_customer.sh", "balances.sh", "events.sh", "get_customer.sh", "get_customer_history.sh"),
    *("health.sh", "hold.sh", "limits.sh", "list_account_payments.sh", "list_customers.sh"),
    *("list_payment_methods.sh", "list_payments.sh", "pay_customer.sh", "receive.sh", "story.sh"),
    *("report_payments.sh", "report_summary.sh", "ways.sh"),
}
DOCUMENT = (
    b'{"amount":12.50,"big":123456789012345678901234.10,"text":"a \\"{,:","none":[],"of":[{}]}'
)

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("curl") is None,
    reason="bash or curl is not installed",
)


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DOCUMENT)))
        self.end_headers()
        self.wfile.write(DOCUMENT)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def answering() -> Iterator[int]:
    """Serve the document on a free port."""
    server = HTTPServer(("127.0.0.1", 0), _Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def run(script: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return run_to(subprocess.PIPE, script, *arguments, **environ)


def run_to(
    stdout: int, /, script: Path, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(script), *arguments],
        env=clean_environ() | environ,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )


def on_a_terminal(script: Path, **environ: str) -> str:
    """Return what a script prints on a terminal."""
    terminal, end = pty.openpty()
    try:
        done = run_to(end, script, **environ)
        assert done.returncode == 0, done.stderr
    finally:
        os.close(end)
    printed = os.read(terminal, 10_000).decode().replace("\r\n", "\n")
    os.close(terminal)
    return printed


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_shows_its_usage(name: str) -> None:
    for option in ("-h", "--help"):
        shown = run(ROOT / "curl" / name, option)
        assert shown.returncode == 0
        assert f"curl/{name}" in shown.stdout
        assert not any(each.startswith("#") for each in shown.stdout.splitlines())


@pytest.mark.parametrize("name", [each for each in SCRIPTS if each not in WITHOUT_ARGUMENTS])
def test_a_script_whose_arguments_are_missing_shows_its_usage(name: str) -> None:
    for arguments in ((), ("", "", "")):
        ended = run(ROOT / "curl" / name, *arguments, PORT="9")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert f"curl/{name}" in ended.stderr
        assert "unbound" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "arguments", "environ"),
    [
        ("hold.sh", ("all",), {}),
        ("hold.sh", ("customer", "ann"), {}),
        ("webhooks.sh", ("delete",), {}),
        ("approve.sh", ("ann", "1"), {"REJECT": "1"}),
    ],
)
def test_so_it_is_where_more_is_needed(
    name: str, arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    ended = run(ROOT / "curl" / name, *arguments, PORT="9", **environ)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"curl/{name}" in ended.stderr


def test_json_is_indented_on_a_terminal_and_exact() -> None:
    with answering() as port:
        shown = on_a_terminal(ROOT / "curl" / "limits.sh", PORT=str(port))
    assert '  "amount": 12.50,\n' in shown
    assert "123456789012345678901234.10" in shown
    assert json.loads(shown, parse_float=Decimal) == json.loads(DOCUMENT, parse_float=Decimal)
    plain = json.dumps(json.loads(shown), indent=2).splitlines()
    assert [each[: len(each) - len(each.lstrip())] for each in plain] == [
        each[: len(each) - len(each.lstrip())] for each in shown.splitlines()
    ]


def test_in_a_pipe_json_is_as_it_was_sent() -> None:
    with answering() as port:
        assert run(ROOT / "curl" / "limits.sh", PORT=str(port)).stdout.encode() == DOCUMENT + b"\n"


def test_an_unreachable_service_is_an_error_on_a_terminal_too() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
        assert run(ROOT / "curl" / "limits.sh", PORT=port).returncode == 7


def test_the_scripts_follow_the_port_of_make_run(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "curl", tmp_path / "curl")
    (tmp_path / "var").mkdir()
    with answering() as port:
        script = tmp_path / "curl" / "limits.sh"
        (tmp_path / "var" / "dev.env").write_text(f"export PORT={port}\n")
        assert run(script).returncode == 0
        (tmp_path / "var" / "dev.env").write_text("export PORT=9\n")
        assert run(script).returncode != 0
        assert run(script, PORT=str(port)).returncode == 0
