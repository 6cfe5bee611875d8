"""An OpenACH for tests: the simulator over real sockets, and a provider that pays through it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any

from paymentapp.clock import Clock
from paymentapp.config import load_settings
from paymentapp.models.item_ids import key_of
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.models.provider_state import ProviderState
from paymentapp.providers.base import Kit, Provider
from paymentapp.providers.openach.provider import OpenAch
from paymentapp.vault.sealing import Vault, new_key
from simulators import create_simulator
from simulators.common.server import build_server, listen
from simulators.openach import OpenAchSimulatorSettings
from simulators.openach.settings import CREDIT_TYPE
from tests.support.ach_backend import AnyPlace, bank_account
from tests.support.memory_store import MemoryStore
from tests.support.paypal_server import FakeClock
from tests.support.provider_backends import Paid

TOKEN = "token-of-tests-0001"
KEY = "key-of-tests-0001"
PREFIX = "paymentapp."
SAVES = ["profile", "account", "schedule", "complete"]  # calls that move money
NEVER = dict.fromkeys(OpenAchSimulatorSettings.FAULTS, 0.0)


def openach_environ(url: str = "http://127.0.0.1:9/openach/api", **more: str) -> dict[str, str]:
    """Return the settings of an originator's API user."""
    own = {
        "BASE_URL": url,
        "TOKEN": TOKEN,
        "SECRET_KEY": KEY,
        "PAYMENT_TYPE": CREDIT_TYPE,
        **{name.upper(): value for name, value in more.items()},
    }
    return {f"PAYMENTAPP_OPENACH_{name}": value for name, value in own.items()}


def openach_at(
    url: str,
    clock: Clock,
    state: ProviderState | None = None,
    vault: Vault | None = None,
    **settings: str,
) -> OpenAch:
    """Build a provider whose server is at an address."""
    environ = openach_environ(url, **settings) | {"PAYMENTAPP_PROVIDER_TIMEOUT": "5"}
    return OpenAch.build(
        Kit(load_settings(environ), clock, vault or Vault(new_key()), state or MemoryStore())
    )


class OpenAchBackend:
    """OpenACH's backend for the contract suite."""

    secrets: tuple[str, ...] = (TOKEN, KEY)
    failed = Status.RETURNED
    waiting = Status.SUBMITTED  # no nightly run takes it
    skipped: Mapping[str, str] = {
        "test_an_empty_account_needs_a_person_and_the_same_batch_waits": (
            "OpenACH knows no balance: the bank returns what the account does not cover"
        ),
        "test_an_unclaimed_item_is_taken_back": "no credit waits to be claimed",
        "test_a_cancellation_whose_answer_is_lost_is_unknown": "no credit can be taken back",
    }

    def __init__(self, url: str, clock: FakeClock, app: Any, **settings: str) -> None:
        self.url = url
        self.clock = clock
        self.app = app
        self.vault = AnyPlace(new_key())
        self.state = MemoryStore()
        self._settings = settings
        self._numbers = count(1)
        self._payees: dict[str, str] = {}
        self.openach = self.again()
        self.provider: Provider = self.openach

    def again(self, **settings: str) -> OpenAch:
        """Return the provider of another process, on the same state."""
        return openach_at(self.url, self.clock, self.state, self.vault, **self._settings | settings)

    def ledger(self) -> dict[str, Any]:
        """Return the simulator's schedules and entries."""
        answer: dict[str, Any] = self.control("GET", "ledger")
        return answer

    def paid(self) -> list[Paid]:
        """Return what runs have entered, and what waits for one."""
        books = self.ledger()
        entered = [
            (each["external_id"], each["amount"], each["account"]) for each in books["entries"]
        ]
        waiting = [
            (
                each["payment_profile_external_id"],
                each["payment_schedule_amount"],
                each["external_account_number"],
            )
            for each in books["schedules"]
            if each["payment_schedule_remaining_occurrences"] == 1
        ]
        return [
            Paid(
                external_id.removeprefix(PREFIX),
                Money(Decimal(amount), "USD"),
                self._payees.get(number, number),
            )
            for external_id, amount, number in entered + waiting
        ]

    def settle(self) -> None:
        """Let a nightly run and the time of returns pass, and record what came back."""
        self.clock.pass_by(days=5)  # by the plan `armed`, the first date is a week ahead
        self.run()
        for item_id in {member.item_id for member in self.paid()}:
            order = self.openach._orders.of_item(item_id)
            assert order is not None
            self.openach.cancel(order.external_id)  # a poll, that sees the entry
        self.clock.pass_by(days=20)
        for entry in self.ledger()["entries"]:
            if entry["return_code"]:
                item_id = entry["external_id"].removeprefix(PREFIX)
                self.record(item_id, Status.RETURNED, entry["return_code"])

    def record(self, item_id: str, status: Status, code: str) -> None:
        """Record what became of a payment, as an operator does."""
        self.openach.mailbox.record(recorded_payment(item_id), status, code)

    def run(self) -> int:
        """Let a nightly run come; return the number of entries."""
        return int(self.control("POST", "run")["entries"])

    def hold(self) -> None:
        self.settle()

    def succeeds(self) -> str:
        return self.payee(f"{next(self._numbers):08d}77")

    def waits(self) -> str:
        return self.payee(f"WAIT{next(self._numbers):08d}")

    def fails(self) -> str:
        return self.payee(f"R03{next(self._numbers):08d}")

    def is_refused(self) -> str:
        return self.payee(f"{next(self._numbers):08d}88", holder="Refused Example")

    def payee(self, number: str, **more: str) -> str:
        """Return the destination of an account."""
        self.secrets = (*self.secrets, number)
        details = bank_account(number, **more)
        self._payees[number] = self.openach.payees.destination("any", details)
        return self._payees[number]

    def lose_answers(self, *, acting: bool) -> None:
        fault = "drop_after" if acting else "drop_before"
        self.change(faults_on=SAVES, **{fault: 1.0})

    def lose_funds(self) -> None:
        raise AssertionError("OpenACH knows no balance")

    def reject_credentials(self) -> None:
        self.change(key="another")
        self.end_sessions()

    def recover(self) -> None:
        self.change(key=KEY, **NEVER)

    def end_sessions(self) -> None:
        """End all sessions, as time does."""
        self.control("DELETE", "sessions")

    def unreachable(self) -> Provider:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
        return openach_at(f"http://127.0.0.1:{port}/openach/api", self.clock, vault=self.vault)

    def change(self, **settings: Any) -> None:
        """Change the simulator's settings."""
        self.app.extensions["openach_simulator"].change(settings)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Use one of the simulator's controls."""
        client = self.app.test_client()
        answer = client.open(f"/_simulator/openach/{path}", method=method, json=body)
        assert answer.status_code == 200
        return answer.get_json()

    def calls(self) -> dict[str, int]:
        """Return how often each action was called."""
        counts: dict[str, int] = {}
        for endpoint, _, calls in self.app.extensions["openach_simulator"].calls.counts():
            action = endpoint.rpartition("/")[2]
            counts[action] = counts.get(action, 0) + calls
        return counts


class ArmedOpenAchBackend(OpenAchBackend):
    """The backend of the plan `armed`, by which a payment takes several calls."""

    skipped: Mapping[str, str] = {
        **OpenAchBackend.skipped,
        "test_a_lost_answer_is_unknown_and_the_same_batch_finds_out": (
            "the first of several calls pays nobody: tests/unit/openach/test_armed.py has each"
        ),
    }


def recorded_payment(item_id: str) -> Payment:
    """Return a payment as an operator's record names it."""
    customer_id, payment_id = key_of(item_id)
    money = Money(Decimal("12.50"), "USD")
    return Payment(
        *(customer_id, payment_id, money, "openach", "ann@example.com", Status.SUBMITTED),
        *((), "request", "revision"),
    )


@contextmanager
def openach_backend(
    simulated: Mapping[str, Any] | None = None, **settings: str
) -> Iterator[OpenAchBackend]:
    """Run a simulated OpenACH and a provider that pays through it."""
    clock = FakeClock()
    openach = OpenAchSimulatorSettings(token=TOKEN, key=KEY, **simulated or {})
    app = create_simulator(clock=clock, openach_settings=openach)
    listener = listen("127.0.0.1", 0)
    server = build_server(app, listener)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.port}/openach/api"
    kind = ArmedOpenAchBackend if "plan" in settings else OpenAchBackend
    backend = kind(url, clock, app, **settings)
    try:
        yield backend
    finally:
        backend.provider.close()
        server.shutdown()
        server.server_close()
        listener.close()
        app.extensions["simulator"].database.close()


@contextmanager
def armed_openach_backend() -> Iterator[OpenAchBackend]:
    """Run a server without the action for all at once, and a provider by the plan `armed`."""
    with openach_backend({"complete": "no"}, plan="armed", unseen="on") as backend:
        yield backend
