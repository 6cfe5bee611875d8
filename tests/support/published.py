"""What others have published, and the service is checked against: API descriptions, sample files.

None of it is in the repository. `PAYMENTAPP_SPECS` names a folder that holds it; else it is looked
for in a folder `specs` beside the repository, or below a neighbour. Tests that need it are skipped
without it:

- `paypal`: the JSON files of github.com/paypal/paypal-rest-api-specifications (Apache-2.0)
- `ach`: files from the tests of github.com/moov-io/ach (Apache-2.0)
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.service import ROOT


def published(name: str) -> Path:
    """Return the folder of what `name` has published; it may be missing."""
    given = os.environ.get("PAYMENTAPP_SPECS")
    if given is not None:
        return Path(given) / name
    return next(ROOT.parent.glob(f"*/specs/{name}"), ROOT.parent / "specs" / name)


def missing(folder: Path) -> str:
    """Return why a test that needs the folder is skipped."""
    return f"there is no {folder}: see tests/support/published.py"
