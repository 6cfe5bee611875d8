"""docs/adding-a-provider.md, followed to the letter: its file, its line, and payments."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

import paymentapp.providers
from paymentapp import create_app
from paymentapp.bootstrap import Services, build_services
from paymentapp.cli import commands
from paymentapp.clock import utc_now
from paymentapp.config import load_settings
from paymentapp.declarations import unknown
from paymentapp.errors import InsufficientFunds, NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.models.payments import PaymentKey
from paymentapp.providers import registry
from paymentapp.providers.base import Outcome, Provider
from paymentapp.services.dispatch.parking import parking_rule
from tests.support.memory_store import MemoryStore

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "adding-a-provider.md"
KEY = "feather-123"


@dataclass
class Office:
    """Pigeon Post's server: its ledger by batch, and its failures."""

    batches: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    status: str = "delivered"
    lose_answers: bool = False
    answer_with: int = 0
    calls: int = 0

    def put(self, batch_id: str, coins: list[dict[str, str]]) -> tuple[int, object]:
        wrong = {str(n): "no such loft" for n, c in enumerate(coins) if c["loft"] == "L0000"}
        if wrong:
            return 422, wrong
        self.batches.setdefault(batch_id, coins)
        return 200, {}

    def get(self, batch_id: str) -> tuple[int, object]:
        coins = self.batches.get(batch_id)
        if coins is None:
            return 404, {}
        return 200, [
            {**coin, "ring": f"R{n}", "status": self.status} for n, coin in enumerate(coins)
        ]


class _Handler(BaseHTTPRequestHandler):
    office: Office

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(lambda batch_id: self.office.put(batch_id, body))

    def do_GET(self) -> None:
        self._answer(self.office.get)

    def _answer(self, act: Any) -> None:
        self.office.calls += 1
        status, body = 401, {}
        if self.office.answer_with:
            status = self.office.answer_with
        elif self.headers["Authorization"] == f"Bearer {KEY}":
            status, body = act(self.path.rpartition("/")[2])
        if self.office.lose_answers and self.command == "PUT":
            self.close_connection = True
            return
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def blocks() -> list[str]:
    """Return the guide's code blocks, in order."""
    return re.findall(r"```(?:python)?\n((?:\"\"\"|\").*?)```", GUIDE.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def office() -> Iterator[tuple[Office, str]]:
    """Run the server; yields it and its address."""
    _Handler.office = Office()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with closing(server.socket):
        yield _Handler.office, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@dataclass
class Service:
    """The service with Pigeon Post as a provider."""

    office: Office
    services: Services
    client: FlaskClient
    late: timedelta = timedelta()

    def clock(self) -> datetime:
        return utc_now() + self.late

    def sweep(self, times: int = 2) -> None:
        for _ in range(times):
            self.late += timedelta(seconds=40)
            self.services.sweeper.run()

    def pay(self, loft: str, amount: str = "12.50") -> dict[str, Any]:
        """Register a customer, set their loft, and pay them."""
        name = f"c{self.office.calls}-{loft}"
        email = f"{name}@example.com"
        self.client.post("/v1/api/customer", json={"customer_id": name, "email": email})
        path = f"/v1/api/customer/{name}/payment-methods/pigeon"
        assert self.client.put(path, json={"details": {"loft": loft}}).status_code == 201
        order = f'{{"customer_id": "{name}", "email": "{email}", "amount": {amount}, '
        order += '"currency": "USD", "payment_method": "pigeon"}'
        paid = self.client.post("/v1/api/payment", data=order, content_type="application/json")
        assert paid.status_code == 202, paid.get_data(as_text=True)
        body: dict[str, Any] = paid.get_json()
        return body

    def status(self, payment: dict[str, Any]) -> str:
        stored = self.services.store.get_payment(
            PaymentKey(payment["customer_id"], payment["payment_id"])
        )
        assert stored is not None
        return stored.status.value


@pytest.fixture
def service(
    office: tuple[Office, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """Follow the guide: create the file, add the line, set the variables."""
    code, line = blocks()
    (tmp_path / "pigeon.py").write_text(code)
    monkeypatch.setattr(
        paymentapp.providers, "__path__", [*paymentapp.providers.__path__, str(tmp_path)]
    )
    monkeypatch.delitem(sys.modules, "paymentapp.providers.pigeon", raising=False)
    added = ast.literal_eval(f"{{{line}}}")
    monkeypatch.setattr(registry, "_PROVIDERS", {**registry._PROVIDERS, **added})
    far, url = office
    far.batches.clear()
    far.status, far.lose_answers, far.answer_with = "delivered", False, 0
    environ = {"PAYMENTAPP_PIGEON_URL": url, "PAYMENTAPP_PIGEON_KEY": KEY, "PAYMENTAPP_AUTH": "off"}
    service = Service(far, None, None)  # type: ignore[arg-type]
    service.services = build_services(
        load_settings(environ), store=MemoryStore(), clock=service.clock
    )
    service.client = create_app(service.services).test_client()
    yield service
    for provider in service.services.providers.values():
        provider.close()
    monkeypatch.delitem(sys.modules, "paymentapp.providers.pigeon", raising=False)


def paid(office: Office) -> int:
    return sum(map(len, office.batches.values()))


def test_without_its_settings_it_is_no_way_to_pay(service: Service) -> None:
    services = build_services(load_settings({"PAYMENTAPP_AUTH": "off"}), store=MemoryStore())
    assert "pigeon" not in services.providers
    assert "pigeon" in service.services.providers


def test_it_pays_and_its_money_is_followed(service: Service) -> None:
    payment = service.pay("L0042")
    service.sweep()
    assert service.status(payment) == "succeeded"
    ((coin,),) = service.office.batches.values()
    assert (coin["loft"], coin["coins"]) == ("L0042", "12.5")


def test_a_lost_answer_pays_once(service: Service) -> None:
    service.office.lose_answers = True
    payment = service.pay("L0042")
    service.sweep(3)
    assert service.status(payment) == "submitting"
    service.office.lose_answers = False
    service.sweep(4)
    assert service.status(payment) == "succeeded"
    assert paid(service.office) == 1


def test_what_lies_in_the_content_fails_and_nothing_else_does(service: Service) -> None:
    good, bad = service.pay("L0042"), service.pay("L0000")
    service.sweep(6)
    assert (service.status(good), service.status(bad)) == ("succeeded", "failed")
    assert paid(service.office) == 1


@pytest.mark.parametrize(
    ("status", "error"), [(402, InsufficientFunds), (429, NotSent), (500, OutcomeUnknown)]
)
def test_every_other_answer_waits(service: Service, status: int, error: type[Exception]) -> None:
    service.office.answer_with = status
    payment = service.pay("L0042")
    service.sweep(3)
    assert service.status(payment) == "submitting"
    assert error.__name__ in service.services.worker.alerts()["pigeon"]
    service.office.answer_with = 0
    service.sweep(5)
    assert service.status(payment) == "succeeded"
    assert paid(service.office) == 1


def test_an_unknown_status_is_kept_as_it_came(service: Service) -> None:
    service.office.status = "eaten by a hawk"
    payment = service.pay("L0042")
    service.sweep()
    assert service.status(payment) == "submitted"


def test_its_details_and_limits_are_checked_like_any_others(service: Service) -> None:
    service.pay("L0042")
    (customer,) = service.services.store.scan_customers()
    path = f"/v1/api/customer/{customer.customer_id}/payment-methods/pigeon"
    assert service.client.put(path, json={"details": {"loft": "42"}}).status_code == 422
    assert service.client.get(path).get_json()["details"] == {"loft": "L0042"}
    order = {"customer_id": customer.customer_id, "email": customer.email, "amount": 101}
    order |= {"currency": "USD", "payment_method": "pigeon"}
    assert service.client.post("/v1/api/payment", json=order).status_code == 422


def test_its_settings_are_shown_and_a_misspelt_one_is_told(service: Service) -> None:
    assert service.services.settings.variables.any("PAYMENTAPP_PIGEON_")
    shown = CliRunner().invoke(commands, ["settings"], env={"PAYMENTAPP_PIGEON_KEY": KEY}).stdout
    assert re.search(r"^Pigeon Post .*^  PAYMENTAPP_PIGEON_KEY +set ", shown, re.DOTALL | re.M)
    assert KEY not in shown
    assert unknown({"PAYMENTAPP_PIGEON_KYE": KEY}) == {
        "PAYMENTAPP_PIGEON_KYE": "PAYMENTAPP_PIGEON_KEY"
    }


def test_it_is_parked_by_what_it_declares(service: Service) -> None:
    assert parking_rule(service.services.providers["pigeon"]).startswith("pigeon never forgets")


def test_readiness_watches_it(service: Service) -> None:
    checks = {check.name: check.ok for check in service.services.health.checks()}
    assert checks["provider pigeon"]
    service.office.answer_with = 500
    service.pay("L0042")
    service.sweep()
    checks = {check.name: check.ok for check in service.services.health.checks()}
    assert not checks["provider pigeon"]


def test_a_provider_that_lacks_a_verb_is_not_made() -> None:
    class Half(Provider):
        name = "half"

        def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
            raise NotImplementedError

    with pytest.raises(TypeError, match="Half"):
        Half()  # type: ignore[abstract]  # mypy sees it, too


def test_the_guides_code_is_as_well_kept_as_the_rest(tmp_path: Path) -> None:
    """Format, lint and type-check it with the project's own rules."""
    file = tmp_path / "pigeon.py"
    file.write_text(blocks()[0])
    config = f"--config={ROOT / 'pyproject.toml'}"
    for command in (
        ["ruff", "format", "--check", config],
        ["ruff", "check", "--ignore", "ARG002", config],
        ["mypy", f"--config-file={ROOT / 'pyproject.toml'}"],
    ):
        run = subprocess.run(
            [sys.executable, "-m", *command, str(file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout
