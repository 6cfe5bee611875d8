"""Splits bytes into lines of 94 characters, with CRLF, LF or no line ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from paymentapp.nacha.errors import NotNacha
from paymentapp.nacha.fields import RECORD_LENGTH
from paymentapp.nacha.findings import Finding, NachaRule

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
# Header, batch header or entry: the constants behind the record type tell them from other text.
_RECORD = re.compile(r"101|5[0-9]{3}|6[0-9]{2}[0-9A-Za-z ]{8}")
_SHORTEST = 40  # characters: no such record has all its mandatory fields in fewer


class Line(NamedTuple):
    """The line of one record; `number` counts from 1, in records if there are no line ends."""

    number: int
    text: str

    @property
    def is_filler(self) -> bool:
        """Return whether it is a line of nines, which fills up the last block."""
        return not self.text.rstrip().strip("9")


def split(data: bytes) -> tuple[list[Line], list[Finding]]:
    """Return the lines, each padded to 94, and the findings about their length or characters.

    Raises NotNacha where no line looks like a record.
    """
    lines: list[Line] = []
    findings: list[Finding] = []
    for raw in _raw_lines(data.removeprefix(_BOM).rstrip(b"\x1a")):
        text = _decode(raw).rstrip()
        number = len(lines) + 1
        if len(text) > RECORD_LENGTH:
            findings.append(
                Finding(number, NachaRule.LENGTH, f"longer than {RECORD_LENGTH} characters")
            )
        if not text.isascii() or not text.isprintable():
            findings.append(
                Finding(number, NachaRule.CHARACTERS, "not only printable ASCII characters")
            )
        lines.append(Line(number, text[:RECORD_LENGTH].ljust(RECORD_LENGTH)))
    if not any(_looks_like_a_record(line.text) for line in lines):
        raise NotNacha("no line of it looks like a NACHA record")
    return lines, findings


def _raw_lines(data: bytes) -> Iterator[bytes]:
    """Yield the lines that are not blank; a block or file without line ends is cut into records."""
    lines = [line for line in _LINE_END.split(data) if line.strip()]
    for line in lines:
        unbroken = len(line) > RECORD_LENGTH and (
            len(line) % RECORD_LENGTH == 0
            or (len(lines) == 1 and len(line.rstrip()) > RECORD_LENGTH)
        )
        if not unbroken:
            yield line
            continue
        for start in range(0, len(line), RECORD_LENGTH):
            if (record := line[start : start + RECORD_LENGTH]).strip():
                yield record


def _decode(raw: bytes) -> str:
    """Decode a line: a byte is a position, unless the line has 94 characters only in UTF-8."""
    if len(raw) > RECORD_LENGTH:
        try:
            if len(text := raw.decode("utf-8").rstrip()) <= RECORD_LENGTH:
                return text
        except UnicodeDecodeError:
            pass
    return raw.decode("latin-1")


def _looks_like_a_record(text: str) -> bool:
    return len(text.rstrip()) >= _SHORTEST and bool(_RECORD.match(text))
