"""The requirements files, as pip reads them: pins with their hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.service import ROOT

HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """A requirement of one version, and the hashes that its files may have."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        assert specifier.operator == "=="
        return specifier.version

    @property
    def is_for_here(self) -> bool:
        """Whether this Python, on this system, is one that the pin is for."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def read(name: str) -> list[Pin]:
    """Return the pins of a file, by its path below the root."""
    text = re.sub(r"#.*", "", (ROOT / name).read_text()).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    return [_pin(line) for line in lines]


def pins(name: str) -> dict[str, Pin]:
    """Return the pins of a file for this Python and system, by canonical names (PEP 503)."""
    return {pin.name: pin for pin in read(name) if pin.is_for_here}


def _pin(line: str) -> Pin:
    requirement = line.partition("--hash")[0].strip()
    return Pin(Requirement(requirement), frozenset(HASH.findall(line)))
