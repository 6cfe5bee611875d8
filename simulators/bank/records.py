"""The records of a NACHA file that the simulated bank reads and writes, by their positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple


class BankEntry(NamedTuple):
    """An entry detail of a batch. The amount is whole cents."""

    sec_code: str
    company_id: str
    company_name: str
    effective: str  # YYMMDD
    code: str
    routing: str
    account: str
    cents: int
    individual_id: str
    name: str
    trace: str
    information: str = ""  # of an addenda 05
    description: str = ""  # of the batch: Company Entry Description
    descriptive_date: str = ""
    discretionary: str = ""  # of the entry

    def __repr__(self) -> str:
        return f"Entry({self.trace})"

    @property
    def is_prenote(self) -> bool:
        """Return whether the entry is a prenote."""
        return self.code[1] == "3"

    @property
    def is_debit(self) -> bool:
        """Return whether the entry takes money from the account."""
        return self.code[1] in "789"


class BankAnswer(NamedTuple):
    """The bank's answer to an entry: its SEC code, transaction code and addenda."""

    entry: BankEntry
    sec_code: str
    code: str
    cents: int
    addenda: str  # type code and what is between it and the trace number: 77 characters, or none
    individual_id: str


def entries(data: bytes) -> Iterator[BankEntry]:
    """Yield the entries of a file. Raises ValueError for other bytes, or wrong totals."""
    lines = [line.ljust(94) for line in data.decode("ascii").splitlines()]
    if not lines or lines[0][:3] != "101" or len(lines) % 10:
        raise ValueError("not a NACHA file in whole blocks")
    batch, count, totals = "", 0, {"debits": 0, "credits": 0}
    for line, following in pairwise([*lines, ""]):
        match line[0]:
            case "5":
                batch = line
            case "6":
                totals["debits" if line[2] in "6789" else "credits"] += int(line[29:39])
                count += 1
                yield _entry(batch, line, following)
            case "7":
                count += 1
            case "9" if line.strip("9"):
                sums = {"debits": int(line[31:43]), "credits": int(line[43:55])}
                if sums != totals or int(line[13:21]) != count:
                    raise ValueError("the file control does not match the entries")


def _entry(batch: str, line: str, following: str) -> BankEntry:
    """Return an entry; `following` is the next record, its addenda where it has one."""
    announced, addenda = line[78] == "1", following[:3] == "705"
    if announced != addenda or (addenda and following[87:94] != line[87:94]):
        raise ValueError("an entry and its addenda do not match")
    return BankEntry(
        sec_code=batch[50:53],
        company_id=batch[40:50].strip(),
        company_name=batch[4:20].strip(),
        effective=batch[69:75],
        code=line[1:3],
        routing=line[3:12],
        account=line[12:29].strip(),
        cents=int(line[29:39]),
        individual_id=line[39:54].strip(),
        name=line[54:76].strip(),
        trace=line[79:94],
        information=following[3:83].rstrip() if addenda else "",
        description=batch[53:63].strip(),
        descriptive_date=batch[63:69].strip(),
        discretionary=line[76:78].strip(),
    )


def answer_file(
    answers: Sequence[BankAnswer], bank: str, company: str, stamp: str, first: int
) -> str:
    """Return a file for the company; `stamp` is YYMMDDHHMM, `first` its first trace."""
    lines = [f"101 {bank:>9}{company:>10}{stamp}A094101{'COMPANY':<23}{'LOCAL BANK':<23}{'':<8}"]
    for number, answer in enumerate(answers, 1):
        trace = f"{answer.entry.routing[:8]}{first + number - 1:07d}"
        lines += _answer(answer, number, trace, stamp[:6])
    return _closed(lines, answers)


def _answer(answer: BankAnswer, number: int, trace: str, date: str) -> list[str]:
    """Return the lines of an answer: a batch of one entry, as ACH operators make them."""
    entry = answer.entry
    service = "200" if answer.sec_code == "ACK" else "225" if entry.is_debit else "220"
    odfi = trace[:8]
    name, company = f"{entry.company_name:<16}", f"{entry.company_id:<10}"
    tail = f"{int(entry.routing[:8]):010d}"
    count = 2 if answer.addenda else 1
    end = f"1{odfi}{number:07d}"
    detail = f"{entry.account:<17}{answer.cents:010d}{answer.individual_id:<15}{entry.name:<22}  "
    lines = [
        f"5{service}{name}{'':<20}{company}{answer.sec_code}{'RETURN':<10}{'':<6}{date}   {end}",
        f"6{answer.code}{entry.routing}{detail}{count - 1}{trace}",
    ]
    if answer.addenda:
        lines.append(f"7{answer.addenda:<78}{trace}")
    sums = _sums([answer])
    lines.append(f"8{service}{count:06d}{tail}{sums}{company}{'':<25}{odfi}{number:07d}")
    return lines


def _closed(lines: list[str], answers: Sequence[BankAnswer]) -> str:
    count = sum(2 if answer.addenda else 1 for answer in answers)
    tail = sum(int(answer.entry.routing[:8]) for answer in answers) % 10**10
    blocks = -(-(len(lines) + 1) // 10)
    control = f"9{len(answers):06d}{blocks:06d}{count:08d}{tail:010d}{_sums(answers)}"
    lines.append(f"{control:<94}")
    lines += ["9" * 94] * (-len(lines) % 10)
    return "".join(f"{line}\n" for line in lines)


def _sums(answers: Sequence[BankAnswer]) -> str:
    """Return the fields of the debits and the credits of these answers."""
    debits = sum(answer.cents for answer in answers if answer.entry.is_debit)
    rest = sum(answer.cents for answer in answers) - debits
    return f"{debits:012d}{rest:012d}"
