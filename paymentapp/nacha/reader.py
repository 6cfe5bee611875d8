"""The tolerant reader: reads everything that can be read, and reports what is wrong."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from paymentapp.nacha.addenda import read_addenda
from paymentapp.nacha.checks import (
    OpenBatch,
    OpenEntry,
    addenda_findings,
    batch_control_findings,
    batch_findings,
    file_control_findings,
    stated_totals,
)
from paymentapp.nacha.fields import (
    BATCH_CONTROL,
    BATCH_HEADER,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    Table,
)
from paymentapp.nacha.findings import Finding, NachaRule
from paymentapp.nacha.lines import Line, split
from paymentapp.nacha.models import BatchHeader, Entry, File, FileHeader, NachaBatch
from paymentapp.nacha.records import parse
from paymentapp.nacha.totals import Totals, totals


class Completeness(Enum):
    """Whether records may be missing from a file."""

    COMPLETE = "complete"  # its control records agree with what was read
    UNVERIFIED = "unverified"  # it has no header and no control record at all, as some banks send
    INCOMPLETE = "incomplete"


class ReadFile(NamedTuple):
    """A file that was read, and the rules that it breaks."""

    file: File
    findings: tuple[Finding, ...]

    @property
    def completeness(self) -> Completeness:
        """Return whether all records of the file were read, by its counts.

        A wrong hash or total is no sign of a missing record, nor is a file without file header and
        file control, if its batches are complete.
        """
        rules = {finding.rule for finding in self.findings}
        without_header = self.file.header is None
        unclosed = sum(finding.rule is NachaRule.BATCH_CONTROL for finding in self.findings)
        if NachaRule.FILE_CONTROL in rules and not without_header:
            return Completeness.INCOMPLETE
        if rules & _MISSING:
            return Completeness.INCOMPLETE
        if not unclosed:
            return Completeness.COMPLETE
        bare = without_header and NachaRule.FILE_CONTROL in rules
        if bare and unclosed == len(self.file.batches) and not rules & _MISSING_IF_BARE:
            return Completeness.UNVERIFIED
        return Completeness.INCOMPLETE


_MISSING = frozenset({NachaRule.CONTROL_COUNT, NachaRule.ORDER})
# Where no count says otherwise, each of these may have been a record.
_MISSING_IF_BARE = frozenset({NachaRule.RECORD_TYPE, NachaRule.LENGTH, NachaRule.ADDENDA_MISSING})


def read(data: bytes) -> ReadFile:
    """Read the file in `data`, with any line ends, with or without file header and control.

    `views.py` finds its returns, changes and acknowledgments. Raises NotNacha for bytes that are no
    part of a NACHA file, and nothing else, whatever the bytes.
    """
    lines, findings = split(data)
    reader = _Reader(findings)
    for line in lines:
        if not line.is_filler:
            reader.take(line)
    return reader.end()


class _Reader:
    """Takes line by line, and collects models and findings."""

    def __init__(self, findings: list[Finding]) -> None:
        self._findings = findings
        self._header: FileHeader | None = None
        self._batches: list[NachaBatch] = []
        self._batch: OpenBatch | None = None
        self._stated = Totals()  # what the batch controls say, or the entries where there is none
        self._records = 0
        self._before = 0  # batches of files before the present one
        self._ended = False
        self._take = {
            "1": self._file_header,
            "5": self._batch_header,
            "6": self._entry,
            "7": self._addenda,
            "8": self._batch_control,
            "9": self._file_control,
        }

    def take(self, line: Line) -> None:
        """Take the next line that is not filler."""
        self._records += 1
        if self._ended and line.text[0] == "1":
            self._next_file(line)
        elif self._ended:
            self._find(line, NachaRule.ORDER, "a record after the file control record")
        handler = self._take.get(line.text[0])
        if handler is None:
            self._find(line, NachaRule.RECORD_TYPE, "none of 1, 5, 6, 7, 8 and 9")
        else:
            handler(line)

    def end(self) -> ReadFile:
        """Close what is open, and return all that was read."""
        self._close_batch(control=None)
        if self._header is None:
            self._findings.append(Finding(0, NachaRule.FILE_HEADER, "is missing"))
        if not self._ended:
            self._findings.append(Finding(0, NachaRule.FILE_CONTROL, "is missing"))
        findings = tuple(sorted(self._findings, key=lambda finding: finding.line))
        return ReadFile(File(self._header, tuple(self._batches)), findings)

    def _next_file(self, line: Line) -> None:
        """Begin another file behind the first, as where files were joined."""
        self._find(line, NachaRule.FILE_HEADER, "another file begins")
        self._stated, self._records = Totals(), 1
        self._before, self._ended = len(self._batches), False

    def _file_header(self, line: Line) -> None:
        values = self._parse(FILE_HEADER, line)
        if self._records > 1:
            self._find(line, NachaRule.ORDER, "a file header that is not the first record")
        self._header = self._header or FileHeader(**values)

    def _batch_header(self, line: Line) -> None:
        self._close_batch(control=None)
        self._batch = OpenBatch(line.number, BatchHeader(**self._parse(BATCH_HEADER, line)))

    def _entry(self, line: Line) -> None:
        values = self._parse(ENTRY, line)
        indicator = values.pop("addenda_indicator")
        if self._batch is None:
            self._find(line, NachaRule.BATCH_HEADER, "is missing")
            self._batch = OpenBatch(line.number, None)
        self._batch.entries.append(OpenEntry(line.number, Entry(**values), indicator))

    def _addenda(self, line: Line) -> None:
        owner = self._batch.entries[-1] if self._batch and self._batch.entries else None
        addenda, problems = read_addenda(line.text)
        self._problems(line, problems)
        if owner is None:
            self._find(line, NachaRule.ORDER, "an addenda record without an entry")
            return
        owner.addenda.append(addenda)
        self._findings += addenda_findings(line, owner, addenda)

    def _batch_control(self, line: Line) -> None:
        values = self._parse(BATCH_CONTROL, line)
        if self._batch is None:
            self._find(line, NachaRule.ORDER, "a batch control record without a batch")
            return
        batch = self._close_batch(control=values)
        self._findings += batch_control_findings(line.number, batch, values)

    def _file_control(self, line: Line) -> None:
        self._close_batch(control=None)
        values = self._parse(FILE_CONTROL, line)
        if not self._ended:
            self._findings += file_control_findings(
                line.number,
                values,
                len(self._batches) - self._before,
                self._records,
                self._stated,
            )
        self._ended = True

    def _close_batch(self, control: dict[str, Any] | None) -> NachaBatch:
        """Close the open batch, if there is one; `control` has the values of its control."""
        opened, self._batch = self._batch, None
        if opened is None:
            return NachaBatch(None)
        if control is None:
            self._findings.append(Finding(opened.line, NachaRule.BATCH_CONTROL, "is missing"))
        batch = NachaBatch(opened.header, tuple(entry.closed() for entry in opened.entries))
        self._batches.append(batch)
        self._findings += batch_findings(opened)
        self._stated += (control and stated_totals(control)) or totals([batch])
        return batch

    def _parse(self, table: Table, line: Line) -> dict[str, Any]:
        values, problems = parse(table, line.text)
        self._problems(line, problems)
        return values

    def _problems(self, line: Line, problems: list[tuple[str, str]]) -> None:
        for name, words in problems:
            self._find(line, NachaRule.VALUE, f"{name} {words}")

    def _find(self, line: Line, rule: NachaRule, words: str) -> None:
        self._findings.append(Finding(line.number, rule, words))
