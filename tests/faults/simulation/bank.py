"""A simulated bank: takes files, books their entries, and sends returns by files of its own.

It reads and writes the format with the bank simulator's code, not the service's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from paymentapp.config import Settings, load_settings
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.providers.ach.payees import AchPayees
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.ach.settings import AchSettings
from paymentapp.providers.base import Kit
from simulators.bank.records import BankAnswer, BankEntry, answer_file, entries
from tests.faults.simulation.clock import micros_of, moment
from tests.faults.simulation.folder import Files, SimulatedFolder
from tests.faults.simulation.ledger import Moved
from tests.faults.simulation.scheduler import DAY, HOUR, MINUTE, SECOND
from tests.faults.simulation.trace import batch_in
from tests.support.ach_backend import ROUTING, ach_environ, bank_account

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

RETURNS = ("R01", "R02", "R03", "R04", "R16", "R20", "R97")  # the last one is not published
STOPPING = frozenset({"R02", "R03", "R04", "R16", "R20"})  # the account must not be paid again
_NOTICE = "notice.txt"
_UNREADABLE = b"Dear customer, our systems are being maintained.\n"
REUSED_AFTER = 5 * DAY
LATE_RETURNS = ("R06", "R10", "R29")


class _Due(NamedTuple):
    """An answer that the bank will send, and from when."""

    at: int
    code: str
    entry: BankEntry
    moved: Moved | None


class Bank:
    """One bank for all processes. Its books are the truth."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.outgoing = Files(world.chance(0.7), self._noticed)
        self.incoming = Files(world.chance(0.9), self._put_away)
        self.pending = 0  # things that it will still do
        self.booked: list[tuple[PaymentKey, Moved]] = []
        self.taken: list[str] = []
        self.holders: dict[str, str] = {}  # customers by account number
        self.unpayable: set[str] = set()  # customers whose details fit no entry
        self._reuses = world.chance(0.3)  # its files all have one name
        self._due: list[_Due] = []
        self._seen: set[str] = set()  # traces, and what tells files apart
        self._sent = 0
        self._used: dict[int, int] = {}  # when each name was last used
        self._writing: set[str] = set()  # names of files that are not whole yet
        self._told = 0
        self.unread_since: int | None = None  # while a file lies there that nobody can read
        self._arrived: dict[str, int] = {}  # when the bank took the file of each batch
        self._replaced_at: dict[str, int] = {}  # when the company had read of a right account
        every = (10, 30, 60)[world.draw(3)]
        self._own, self._general = _settings(
            every, world.chance(0.3), world.chance(0.25), 1 + world.draw(3), world.batch_size
        )

    def provider(self, process: Process) -> Ach:
        """Build a process's own ACH, the real one, over this bank's folders."""
        world = self.world
        kit = Kit(self._general, process.clock, world.methods.vault, process.store)
        outgoing = SimulatedFolder(world, process, self.outgoing)
        return world.parts.ach(
            kit, self._own, outgoing, SimulatedFolder(world, process, self.incoming)
        )

    def leaves_something_unreadable(self) -> None:
        """Put a file there that is none, for days."""
        draw, now = self.world.draw, self.world.time.micros()

        def put() -> None:
            self.unread_since = self.world.time.micros()
            self.incoming[_NOTICE] = _UNREADABLE
            self.world.note(None, "bank leaves a notice", None, _NOTICE)
            self._at(self.unread_since + 5 * DAY + draw(10 * DAY), take)

        def take() -> None:
            self.unread_since = None
            self.incoming.pop(_NOTICE, None)
            self.world.last_fault_at = max(self.world.last_fault_at, self.world.time.micros())

        self._at(now + draw(5 * MINUTE), put)

    def settles(self, payment: Payment) -> None:
        """Check that no payment succeeds by waiting while a file lies there unread."""
        arrived = self._arrived.get(payment.batch_id or "")
        since = self.unread_since
        if since is not None and arrived is not None and since < arrived:
            words = f"it succeeded, and a file lies unread since {moment(since)}"
            self.world.findings.fail("succeeded unread", words, payment.key)

    def account_for(self, customer_id: str, number: int) -> str:
        """Open an account for a customer; return the destination, which an entry may not hold."""
        account = f"{10_000_000 + number}"
        self.holders[account] = customer_id
        vault = self.world.methods.vault
        if self.world.chance(0.1):
            self.unpayable.add(customer_id)
            return vault.seal(f"A{ROUTING}{account}|\N{CYRILLIC CAPITAL LETTER YA}", customer_id)
        entry_class = "CCD" if self.world.chance(0.2) else "PPD"
        details = bank_account(account, entry_class=entry_class)
        return self._payees().destination(customer_id, details)

    def payee(self, customer_id: str, destination: str) -> str:
        """Return the account of a destination, as the books have it."""
        account = self._payees().open(customer_id, destination).account
        return f"{account.routing}/{account.number}/{account.account_type}"

    def moved(self) -> Iterator[tuple[PaymentKey, Moved]]:
        """Yield everything that it was instructed to pay."""
        yield from self.booked

    def file_of(self, batch_id: str) -> str | None:
        """Return the file of a batch, if the bank has it: what an operator learns from the bank.

        A file of prenotes for the batch has another name, and pays nobody.
        """
        names = [*self.taken, *(name for name in self.outgoing if name[0] != ".")]
        return next((name for name in names if name.endswith(f"-{batch_id}.ach")), None)

    def has_mail(self) -> bool:
        """Return whether a file of its own is unread, that can be read."""
        names = (name for name in self.incoming if "/" not in name and name != _NOTICE)
        return any(map(self._is_unread, names))

    def _is_unread(self, name: str) -> bool:
        data = self.incoming.get(name)
        return data is not None and f"ach/read/{_digest(data)}" not in self.world.tables.notes

    def _payees(self) -> AchPayees:
        return AchPayees(self.world.methods.vault, None)  # type: ignore[arg-type]  # renews nothing

    # Taking files

    def _noticed(self, name: str) -> None:
        """Take a file that has a name which the bank reads: at once, or after a while."""
        if name[0] == ".":
            return
        waits = (0, 30 * SECOND, 10 * MINUTE, 6 * HOUR)
        self._later(self.world.draw(waits[int(self.world.random() ** 2 * 4)] + 1), name)

    def _later(self, delay: int, name: str) -> None:
        self.pending += 1

        def take() -> None:
            self.pending -= 1
            if name in self.outgoing:
                self._take(name, self.outgoing.pop(name))

        self.world.scheduler.later(delay, take)

    def _take(self, name: str, data: bytes) -> None:
        self.world.note(None, "bank takes", batch_in(name), name)
        if name in self.taken:
            self._fail("file twice", f"{name} came twice", name)
        self.taken.append(name)
        self._arrived[batch_in(name) or ""] = self.world.time.micros()
        try:
            found = list(entries(data))
        except ValueError as error:
            self._fail("broken file", f"{name}: {error}", name)
            return
        self._once("file twice", data[3:34].decode(), name)
        for entry in found:
            self._once("trace twice", entry.trace, name)
            self._check_account(entry, data, name)
            self._book(name, entry)

    def _check_account(self, entry: BankEntry, data: bytes, name: str) -> None:
        """Check that a file is not to an account of which the company had read what is right.

        The clock may have jumped while the file was made: then nothing is said.
        """
        read_at = self._replaced_at.get(entry.account)
        made_at = micros_of(_made_at(data))
        jumped = made_at - self.world.jumped_at < HOUR
        if read_at is not None and made_at - read_at > HOUR and not jumped:
            self._fail("old account", f"{name}, of {moment(made_at)}, pays an old account", name)

    def _put_away(self, name: str) -> None:
        """Remember which accounts are right, by a file that the company has read."""
        for line in self.incoming[name].decode().splitlines():
            if line.startswith("798C01"):
                self._replaced_at.setdefault(f"1{line[36:64].strip()}", self.world.time.micros())

    def _once(self, check: str, what: str, name: str) -> None:
        if what in self._seen:
            self._fail(check, f"{what} in {name} was there before", name)
        self._seen.add(what)

    def _fail(self, check: str, message: str, name: str) -> None:
        members = self.world.tables.members.get(batch_in(name) or "")
        self.world.findings.fail(check, message, members[0].key if members else None)

    def _book(self, name: str, entry: BankEntry) -> None:
        """Book an entry, and decide what becomes of it."""
        now = self.world.time.micros()
        moved = None
        if entry.cents:
            key = PaymentKey.of(f"{entry.individual_id}.{self.holders.get(entry.account, '?')}")
            kind = "checking" if entry.code[0] == "2" else "savings"
            money = Money(Decimal(entry.cents).scaleb(-2), "USD")
            payee = f"{entry.routing}/{entry.account}/{kind}"
            moved = Moved("ach", name, money, payee, [(now, "SUCCESS")], ("RETURNED",))
            self.booked.append((key, moved))
        draw, chance = self.world.draw, self.world.chance
        fate = self.world.random()
        if entry.sec_code == "CCD" and moved and chance(0.8):
            self._tell(draw(DAY), "ACK", entry, moved)
        if fate < (0.15 if moved else 0.04):
            self._tell(draw(2 * DAY), RETURNS[draw(len(RETURNS))], entry, moved)
        elif moved and fate < 0.25:
            late = LATE_RETURNS[draw(len(LATE_RETURNS))]
            self._tell(5 * DAY + draw(10 * DAY), late, entry, moved)
        elif fate < 0.32:
            self._tell(draw(3 * DAY), "C01" if chance(0.5) else "C05", entry, moved)

    # Telling what came of them

    def _tell(self, delay: int, code: str, entry: BankEntry, moved: Moved | None) -> None:
        at = self.world.time.micros() + delay
        self._due.append(_Due(at, code, entry, moved))
        self._at(at, self._tell_due)

    def _at(self, when: int, event: Callable[[], None]) -> None:
        self.pending += 1

        def do() -> None:
            self.pending -= 1
            event()

        self.world.at(when, do)

    def _tell_due(self) -> None:
        """Send one file with all answers due; some come again, under the same or another name."""
        now = self.world.time.micros()
        due = [each for each in self._due if each.at <= now]
        if not due:
            return
        self._due = [each for each in self._due if each.at > now]
        answers = [self._answer(each) for each in due]
        stamp = f"{moment(now):%y%m%d%H%M}"
        text = answer_file(answers, "091000019", "1234567890", stamp, self._told + 1)
        if self.world.chance(0.1):
            text = _bare(text)
        self._told += len(answers)
        self._send(text.encode(), [each for each in due if each.code[0] == "R"])
        if self.world.chance(0.2):
            again = now + self.world.draw(2 * DAY)
            self._at(again, partial(self._send, text.encode(), []))

    def _send(self, data: bytes, returned: list[_Due]) -> None:
        """Put a file into the folder, in one step or in two."""
        name = self._name()
        if self._is_unread(name) or name in self._writing:
            soon = self.world.time.micros() + MINUTE
            self._at(soon, partial(self._send, data, returned))
            return
        self._sent += 1
        if self.world.chance(0.2):
            self.incoming[name] = data[: len(data) // 2]
            self._writing.add(name)
            soon = self.world.time.micros() + self.world.draw(2 * MINUTE)
            self._at(soon, partial(self._whole, name, data, returned))
        else:
            self._whole(name, data, returned)

    def _name(self) -> str:
        """Return a name for a file.

        Some banks reuse names, but not within days: a late rename would move the newer file.
        """
        now = self.world.time.micros()
        slot = next((n for n, at in self._used.items() if now - at > REUSED_AFTER), len(self._used))
        if self._reuses:
            self._used[slot] = now
        return f"from-bank-{slot if self._reuses else self._sent}.ach"

    def _whole(self, name: str, data: bytes, returned: list[_Due]) -> None:
        self.incoming[name] = data
        self._writing.discard(name)
        now = self.world.time.micros()
        if returned and self.world.chance(0.15):  # at any time: late returns come when all is quiet
            traps = self.world.fault_plan.traps.setdefault("add_event", [])
            traps.append(lambda process: process.die())  # before the return is on record
        for each in returned:
            batch = batch_in(each.moved.where) if each.moved else None
            self.world.note(None, "bank returns", batch, (each.code, each.entry.trace))
            if each.moved is None or each.code in STOPPING:  # a prenote, or a closed account
                self.unpayable.add(self.holders[each.entry.account])
            if each.moved is None:
                continue
            if each.moved.last() != "RETURNED":
                each.moved.steps.append((now, "RETURNED"))

    def _answer(self, due: _Due) -> BankAnswer:
        """Return an answer's records (NACHA Operating Rules, Appendices Four to Six)."""
        entry, code = due.entry, due.code
        keeps_trace = due.moved is None or self.world.chance(0.9)
        trace = entry.trace if keeps_trace else f"0210000{self.world.draw(10**8):08d}"
        origin = f"{code}{trace}{'':<6}{entry.routing[:8]}"
        back = f"{entry.code[0]}1"
        if code == "ACK":
            return BankAnswer(entry, "ACK", f"{entry.code[0]}4", 0, "", entry.trace)
        if code[0] == "R":
            addenda = f"99{origin}{'':<44}"
            back = entry.code if self.world.chance(0.1) else back
            return BankAnswer(
                entry, entry.sec_code, back, entry.cents, addenda, entry.individual_id
            )
        right = f"9{entry.account[1:]}" if code == "C01" else _OTHER_KIND[entry.code[0]]
        if code == "C01":
            self.holders[right] = self.holders[entry.account]
        return BankAnswer(
            entry, "COR", back, 0, f"98{origin}{right:<29}{'':<15}", entry.individual_id
        )


def _bare(text: str) -> str:
    """Return the batches of a file without its header, control and filler."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line[0] not in "19")


def _made_at(data: bytes) -> datetime:
    """Return when a file says that it was made, in New York."""
    year, *rest = (int(data[at : at + 2]) for at in range(23, 33, 2))
    month, day, hour, minute = rest
    return datetime(2000 + year, month, day, hour, minute, tzinfo=ZoneInfo("America/New_York"))


_OTHER_KIND = {"2": "32", "3": "22"}


@lru_cache(maxsize=512)
def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=64)
def _settings(
    every: int, same_day: bool, prenotes: bool, hold: int, size: int
) -> tuple[AchSettings, Settings]:
    """Make settings with a window every so many minutes, day and night."""
    times = [f"{n // 60:02d}:{n % 60:02d}" for n in range(every, 24 * 60, every)]
    environ = ach_environ(
        Path("/simulated"),
        windows=",".join(f"{time} same-day" if same_day else time for time in times),
        lead_minutes="2",
        hold_days=str(hold),
        prenotes="true" if prenotes else "false",
        prenote_days="1",
    )
    loaded = load_settings(environ | {"PAYMENTAPP_BATCH_SIZE": str(size)})
    return loaded.variables.load(AchSettings, timeout=5), loaded
