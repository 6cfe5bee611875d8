"""axe: what of a page somebody could not read or use (https://github.com/dequelabs/axe-core)."""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.sync_api import Page

from tests.support.service import ROOT

SCRIPT = ROOT / ".tools" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
# WCAG 2.2 at levels A and AA, and what axe calls best practices.
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_CONTRAST = ("color-contrast", "link-in-text-block")
_RUN = "only => axe.run(document, {runOnly: only, resultTypes: ['violations']})"


@cache
def _script() -> str:
    return SCRIPT.read_text()


def violations(page: Page, *, colours_only: bool = False) -> list[str]:
    """Return the violations on a page, each with the elements that it is about."""
    kind, values = ("rule", _CONTRAST) if colours_only else ("tag", TAGS)
    if not page.evaluate("typeof axe === 'object'"):
        page.add_script_tag(content=_script())
    found: Any = page.evaluate(_RUN, {"type": kind, "values": list(values)})
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found["violations"]
    ]
