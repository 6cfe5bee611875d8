"""Every library that is installed at run time has a licence that its users can accept."""

from __future__ import annotations

from importlib.metadata import metadata

import pytest

from deploy import make_requirements
from tests.project.test_requirements import asked, closure, setup_cfg

# By SPDX identifiers. Permissive ones, which ask for a notice:
PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"),
}
# and those that ask for the source of the library itself where a changed one is passed on.
WEAK_COPYLEFT = {"MPL-2.0", "LGPL-2.1", "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only"}
ALLOWED = PERMISSIVE | WEAK_COPYLEFT
# Metadata of before PEP 639: classifiers, and free texts.
CLASSIFIERS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


def run_time() -> list[str]:
    """Return the names of what the service asks for, with all of its extras that are pinned."""
    return sorted(closure(asked(setup_cfg(), make_requirements.extras())))


def expression(name: str) -> str:
    """Return the licences of an installed library as an SPDX expression, as its metadata says."""
    found = metadata(name).json
    if stated := found.get("license_expression"):
        return str(stated)
    prefix = "License :: OSI Approved :: "
    named = [line for line in found.get("classifier", ()) if line.startswith(prefix)]
    if named:
        known = (CLASSIFIERS.get(line.removeprefix(prefix), line) for line in named)
        return " AND ".join(sorted(known))
    stated = str(found.get("license") or "none")
    return CLASSIFIERS.get(stated, stated)


def is_allowed(stated: str) -> bool:
    """Return whether one of the alternatives of an expression without brackets is allowed."""
    return any(
        all(licence.strip() in ALLOWED for licence in alternative.split(" AND "))
        for alternative in stated.split(" OR ")
    )


@pytest.mark.parametrize("name", run_time())
def test_the_licence_of_a_library_is_on_the_list(name: str) -> None:
    assert is_allowed(expression(name)), expression(name)


@pytest.mark.parametrize(
    ("stated", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND AGPL-3.0-only", False),
        ("none", False),
        ("License :: OSI Approved :: GNU General Public License (GPL)", False),
    ],
)
def test_one_alternative_has_to_be_on_the_list_with_all_of_its_parts(
    stated: str, allowed: bool
) -> None:
    assert is_allowed(stated) == allowed
