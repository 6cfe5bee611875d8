"""A simulated bank for tests: local folders, the bank simulator on them, and folders that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paymentapp.clock import Clock
from paymentapp.config import load_settings
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.provider_state import ProviderState
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.ach.settings import AchSettings
from paymentapp.providers.bank_mail.folders import BankFolder, FolderError, Session
from paymentapp.providers.base import Kit, Provider
from paymentapp.variables import Variables
from paymentapp.vault.sealing import Vault, new_key
from simulators.bank import BankSimulator
from simulators.bank.records import entries
from tests.support.memory_store import MemoryStore
from tests.support.paypal_server import FakeClock
from tests.support.provider_backends import Paid

ODFI = "091000019"
ROUTING = "021000021"
ATTEMPT = 300  # seconds, of the settings


def ach_environ(folder: Path, **more: str) -> dict[str, str]:
    """Return the settings of a company whose bank has two folders on this machine."""
    own = {
        "ORIGIN": "1234567890",
        "ORIGIN_NAME": "EXAMPLE CO",
        "DESTINATION": ODFI,
        "DESTINATION_NAME": "LOCAL BANK",
        "COMPANY_ID": "1234567890",
        "COMPANY_NAME": "EXAMPLE CO",
        "ODFI": ODFI,
        "OUTGOING_URL": f"file://{folder}/outgoing",
        "INCOMING_URL": f"file://{folder}/incoming",
        "ATTEMPT_SECONDS": str(ATTEMPT),
        **{name.upper(): value for name, value in more.items()},
    }
    return {f"PAYMENTAPP_ACH_{name}": value for name, value in own.items()}


def bank_account(number: str, **more: str) -> dict[str, str]:
    """Return the details of an account, as a caller puts them."""
    return {
        "holder": "Ann Example",
        "routing_number": ROUTING,
        "account_number": number,
        "account_type": "checking",
        **more,
    }


def ach_at(
    folder: Path,
    clock: Clock,
    state: ProviderState | None = None,
    vault: Vault | None = None,
    outgoing: Any = None,
    incoming: Any = None,
    **settings: str,
) -> Ach:
    """Build a provider whose bank's folders are below `folder`."""
    loaded = load_settings(ach_environ(folder, **settings))
    kit = Kit(loaded, clock, vault or Vault(new_key()), state or MemoryStore())
    own = loaded.variables.load(AchSettings, timeout=loaded.provider_timeout)
    return Ach(kit, own, outgoing, incoming)


class HookedFolder:
    """A folder of this machine with a hook.

    `hook` is called with the name of each operation and the operation itself, which it may run,
    fail, or both.
    """

    def __init__(
        self, folder: Path, hook: Callable[[str, Callable[[], Any]], Any], name: str = "outgoing"
    ) -> None:
        settings = Variables(ach_environ(folder)).load(AchSettings, timeout=5)
        self._real = BankFolder(getattr(settings, name))
        self.hook = hook

    @contextmanager
    def open(self) -> Iterator[Session]:
        self.hook("open", lambda: None)
        with self._real.open() as session:
            yield _HookedSession(session, self)


class _HookedSession:
    renames = True

    def __init__(self, real: Session, folder: HookedFolder) -> None:
        self._real = real
        self._folder = folder

    def sizes(self) -> Mapping[str, int]:
        found: Mapping[str, int] = self._folder.hook("sizes", self._real.sizes)
        return found

    def read(self, name: str, most: int) -> bytes:
        return bytes(self._folder.hook("read", lambda: self._real.read(name, most)))

    def write(self, name: str, data: bytes) -> None:
        self._folder.hook("write", lambda: self._real.write(name, data))

    def rename(self, old: str, new: str) -> None:
        self._folder.hook("rename", lambda: self._real.rename(old, new))

    def remove(self, name: str) -> None:
        self._folder.hook("remove", lambda: self._real.remove(name))

    def put_into(self, folder: str, name: str, new: str) -> None:
        self._folder.hook("put_into", lambda: self._real.put_into(folder, name, new))


class AnyPlace(Vault):
    """A vault without owners: the suite makes destinations before their customers."""

    def seal(self, text: str, place: str) -> str:  # noqa: ARG002
        return super().seal(text, "any")

    def open(self, sealed: str, place: str) -> str:  # noqa: ARG002
        return super().open(sealed, "any")


class AchBackend:
    """The bank's side for the contract suite of providers."""

    failed = Status.RETURNED
    waiting = Status.SUCCEEDED  # no credit waits to be claimed: it arrives, or is sent back
    skipped: Mapping[str, str] = {
        "test_an_empty_account_needs_a_person_and_the_same_batch_waits": (
            "a folder knows no balance: the bank returns what the account does not cover"
        ),
        "test_wrong_credentials_need_a_person": (
            "only `submit` and `check` ask the bank: tests/unit/ach/test_upload.py has them"
        ),
        "test_an_unclaimed_item_is_taken_back": "no credit waits to be claimed",
        "test_a_cancellation_whose_answer_is_lost_is_unknown": "no credit can be taken back",
    }

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.clock = FakeClock()
        self.bank = BankSimulator(
            folder / "outgoing", folder / "incoming", folder / "bank", clock=self.clock
        )
        self._vault = AnyPlace(new_key())
        self._numbers = count(1)
        self._accounts: dict[str, str] = {}
        self.secrets: tuple[str, ...] = ()  # every account number, once it is made up
        self.outgoing = HookedFolder(folder, _do)
        self.ach = ach_at(folder, self.clock, vault=self._vault, outgoing=self.outgoing)
        self.provider: Provider = self.ach

    def paid(self) -> list[Paid]:
        """Return what the bank has taken, and what is ready for it."""
        taken = [
            (credit.trace, credit.account, credit.cents) for credit in self.bank.books.credits()
        ]
        ready = [
            (entry.trace, entry.account, entry.cents)
            for path in sorted((self._folder / "outgoing").glob("[!.]*"))
            for entry in entries(path.read_bytes())
        ]
        return [
            Paid(
                self.ach.cancel(trace).item_id,
                Money(Decimal(cents).scaleb(-2), "USD"),
                self._accounts[account],
            )
            for trace, account, cents in taken + ready
        ]

    def settle(self) -> None:
        """Let the time of returns pass, and read what has come: nothing succeeds unread."""
        self.bank.work()
        self.clock.pass_by(days=10)
        for delivery in self.ach.mailbox.collect():
            self.ach.mailbox.put_away(delivery)

    def hold(self) -> None:
        self.settle()

    def succeeds(self) -> str:
        return self._payee(f"{next(self._numbers):08d}77")

    def waits(self) -> str:
        return self.succeeds()

    def fails(self) -> str:
        return self._payee(f"R03{next(self._numbers):08d}")

    def is_refused(self) -> str:
        """Return an account that no entry can hold, since its holder is in Cyrillic."""
        number = f"{next(self._numbers):08d}88"
        letters = "\N{CYRILLIC CAPITAL LETTER A}\N{CYRILLIC SMALL LETTER EN}"
        self._accounts[number] = self._vault.seal(f"A{ROUTING}{number}|{letters}", "any")
        return self._accounts[number]

    def lose_answers(self, *, acting: bool) -> None:
        lost = False

        def hook(what: str, act: Callable[[], Any]) -> Any:
            nonlocal lost
            if what == "rename" and not lost:
                lost = True
                if acting:
                    act()
                raise FolderError("TimeoutError")
            if lost:
                raise FolderError("ConnectionResetError")
            return act()

        self.outgoing.hook = hook

    def lose_funds(self) -> None:
        raise AssertionError("a folder knows no balance")

    def reject_credentials(self) -> None:
        def hook(what: str, act: Callable[[], Any]) -> Any:  # noqa: ARG001
            raise FolderError("PermissionError", denied=True)

        self.outgoing.hook = hook

    def recover(self) -> None:
        self.outgoing.hook = _do
        self.clock.pass_by(seconds=ATTEMPT + 1)  # what was under way has ended

    def unreachable(self) -> Provider:
        def hook(what: str, act: Callable[[], Any]) -> Any:  # noqa: ARG001
            raise FolderError("ConnectionRefusedError")

        nobody = HookedFolder(self._folder, hook)
        return ach_at(self._folder, self.clock, vault=self._vault, outgoing=nobody, incoming=nobody)

    def _payee(self, number: str) -> str:
        assert self.ach.payees is not None
        self.secrets += (number,)
        self._accounts[number] = self.ach.payees.destination("any", bank_account(number))
        return self._accounts[number]


def _do(what: str, act: Callable[[], Any]) -> Any:  # noqa: ARG001
    return act()


@contextmanager
def ach_backend() -> Iterator[AchBackend]:
    """Open a simulated bank and a provider that pays through its folders."""
    with TemporaryDirectory() as folder:
        backend = AchBackend(Path(folder))
        try:
            yield backend
        finally:
            backend.provider.close()
            backend.bank.close()
