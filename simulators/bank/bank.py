"""The bank's work: each round takes files, books their entries, and sends the answers due."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulators.bank.books import BankBooks, DueAnswer
from simulators.bank.records import BankAnswer, BankEntry, answer_file, entries
from simulators.common.times import Clock, micros, span, utc_now

log = logging.getLogger(__name__)

# The positions of the parts of a correction in its 29 characters, from 0.
_CORRECTIONS = {
    "C01": {0: "account"},
    "C02": {0: "routing"},
    "C03": {0: "routing", 12: "account"},
    "C04": {0: "name"},
    "C05": {0: "code"},
    "C06": {0: "account", 20: "code"},
    "C07": {0: "routing", 9: "account", 26: "code"},
}
_ROUTING = "011000015"  # the routing number of corrections
# L: the answer comes late. F: a return keeps the forward transaction code of its entry. T: an
# answer has a trace number of the bank's own in place of ours. D: only a debit is answered so.
_MAGIC = re.compile(r"([LFTD]?)(R[0-9]{2}|C[0-9]{2})")
_TAKE_BACK = {"REVERSAL", "RETRY PYMT"}  # descriptions of debits of a company that only pays


@dataclass(frozen=True)
class AnswerDelays:
    """The seconds until the bank answers an entry."""

    answer: float = 0.0
    late: float = 10 * 24 * 3600.0


class BankSimulator:
    """A bank that works on two folders; it ignores files whose names begin with a dot."""

    def __init__(
        self,
        outgoing: Path,
        incoming: Path,
        state: Path,
        clock: Clock = utc_now,
        delays: AnswerDelays | None = None,
        decrypt: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """Open the bank's books.

        `outgoing` and `incoming` are named as the company sees them. `state` is the bank's own
        folder, for its books and the files that it has taken.
        """
        self.outgoing = outgoing
        self.incoming = incoming
        self._taken = state / "taken"
        self._clock = clock
        self._delays = delays or AnswerDelays()
        self._decrypt = decrypt
        for folder in (outgoing, incoming, self._taken):
            folder.mkdir(parents=True, exist_ok=True)
        self.books = BankBooks(state / "books.db")
        self._booked: set[str] = set()

    def work(self) -> int:
        """Take files, and send the answers due. Returns the number of files that were taken."""
        self._book_all()  # files that were taken and not booked before a crash
        taken = self.take()
        self._book_all()
        self.answer()
        return taken

    def take(self) -> int:
        """Take files by a rename, as banks do. Returns their number."""
        now = micros(self._clock())
        names = sorted(path for path in self.outgoing.iterdir() if not path.name.startswith("."))
        for place, path in enumerate(names):
            unique = secrets.token_hex(4)  # the clock of a test may stand still
            path.rename(self._taken / f"{now:020d}{place:04d}{unique}-{path.name}")
        return len(names)

    def answer(self) -> int:
        """Write one file with all answers that are due. Returns their number."""
        now = self._clock()
        due = self.books.due(micros(now))
        if due:
            answers = [_answer(each) for each in due]
            first = self.books.next_traces(len(due))
            company = due[0].entry.company_id
            stamp = f"{now:%y%m%d%H%M}"
            text = answer_file(answers, "091000019", company, stamp, first)
            self.send(f"bank-{micros(now)}-{first}.ach", text.encode())
            self.books.answered([each.entry_id for each in due])
        return len(due)

    def send(self, name: str, data: bytes) -> None:
        """Put a file into the company's folder, by a rename."""
        part = self.incoming / f".{name}.part"
        part.write_bytes(data)
        part.rename(self.incoming / name)

    def close(self) -> None:
        """Close the books."""
        self.books.close()

    def _book_all(self) -> None:
        for path in sorted(self._taken.iterdir()):
            if path.name not in self._booked:
                if not self.books.has(path.name):
                    self._book(path)
                self._booked.add(path.name)

    def _book(self, path: Path) -> None:
        now = micros(self._clock())
        try:
            found = list(entries(self._decrypt(path.read_bytes())))
            rows = [(each, *self._fate(each, now)) for each in found]
        except (ValueError, UnicodeDecodeError) as error:
            log.error("the bank rejects file %s: %s", path.name, error)
            rows = []
        self.books.enter(path.name, path.name.partition("-")[2], now, rows)

    def _fate(self, entry: BankEntry, now: int) -> tuple[str | None, int]:
        """Return the code of the answer to an entry, and when it is due."""
        magic = _MAGIC.match(entry.account)
        if entry.is_debit and entry.name != "OFFSET":
            code = self._of_debit(entry, magic)
            return code, now + span(self._delays.answer)
        if magic is None or magic[1] == "D":
            acknowledged = entry.sec_code == "CCD" and not entry.is_prenote
            return ("ACK" if acknowledged else None), now + span(self._delays.answer)
        kind, code = magic.groups()
        return code, now + span(self._delays.late if kind == "L" else self._delays.answer)

    def _of_debit(self, entry: BankEntry, magic: re.Match[str] | None) -> str | None:
        """Return the code by which a debit of an account is returned; None where it is taken.

        A debit that takes back nothing was not authorized: R11 from a person, R17 from a company
        (Nacha, "Reversals and Enforcement", 2021).
        """
        if entry.description not in _TAKE_BACK or not self.books.may_be_reversed(entry):
            return "R11" if entry.sec_code == "PPD" else "R17"
        return magic[2] if magic and magic[1] == "D" else None


def _answer(due: DueAnswer) -> BankAnswer:
    """Return an answer's records (NACHA Operating Rules, Appendices Four to Six)."""
    entry, code = due.entry, due.code
    returned = entry.code[0] + ("6" if entry.is_debit else "1")
    back = entry.code if entry.account[0] == "F" else returned
    trace = f"{entry.routing[:8]}{entry.trace[8:]}" if entry.account[0] == "T" else entry.trace
    origin = f"{code}{trace}{'':<6}{entry.routing[:8]}"
    if code == "ACK":
        return BankAnswer(entry, "ACK", entry.code[0] + "4", 0, "", entry.trace)
    if code.startswith("R"):
        return BankAnswer(
            entry, entry.sec_code, back, entry.cents, f"99{origin}{'':<44}", entry.individual_id
        )
    text = [" "] * 29
    for first, part in _CORRECTIONS.get(code, {}).items():
        value = _corrected(entry, part)
        text[first : first + len(value)] = value
    addenda = f"98{origin}{''.join(text)}{'':<15}"
    return BankAnswer(entry, "COR", back, 0, addenda, entry.individual_id)


def _corrected(entry: BankEntry, part: str) -> str:
    """Return the corrected part: an account number whose first character is a 9, for example."""
    return {
        "account": f"9{entry.account[1:]}"[:17],
        "routing": _ROUTING,
        "name": "CORRECTED NAME",
        "code": "32" if entry.code[0] == "2" else "22",
    }[part]
