"""The pages of the console that links lead to, a few of each view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from paymentapp import create_app
from paymentapp.bootstrap import build_services
from paymentapp.console import register_console
from paymentapp.console.layout import NAVIGATION
from tests.browser.chromium import Watched
from tests.support.memory_store import MemoryStore

OF_EACH = 1  # of a view
OF_SOME = {"payments_show": 4}  # whose pages differ more from each other
IN_ALL = 80
_SIGNING = ("console.sign_in", "console.static", "console.unknown", "console.without_slash")


@cache
def _routes() -> MapAdapter:
    app = create_app(build_services(store=MemoryStore(), providers={}))
    register_console(app)
    return app.url_map.bind("127.0.0.1")


def endpoint_of(path: str) -> str:
    """Return the endpoint of a page, without the blueprint; empty where there is no such page."""
    try:
        endpoint, _ = _routes().match(urlsplit(path).path)
    except HTTPException:
        return ""
    own = endpoint.startswith("console.") and not endpoint.startswith(_SIGNING)
    return endpoint.removeprefix("console.") if own else ""


def existing() -> list[str]:
    """Return the endpoints of the navigation whose pages are there."""
    known = {rule.endpoint for rule in _routes().map.iter_rules()}
    return [each.endpoint for each in NAVIGATION if f"console.{each.endpoint}" in known]


def walk(window: Watched, start: str = "/console/") -> Iterator[str]:
    """Open each page that links lead to, and yield its path and query while it is open.

    What is no page, such as a file to download, is fetched, and not yielded.
    """
    todo, seen, count = [start], {start}, Counter[str]()
    while todo and count.total() < IN_ALL:
        path = todo.pop(0)
        endpoint = endpoint_of(path)
        if not endpoint or count[endpoint] >= OF_SOME.get(endpoint, OF_EACH):
            continue
        count[endpoint] += 1
        if not _is_page(window, path):
            continue
        window.go(path)
        for link in _links(window):
            if link not in seen:
                seen.add(link)
                todo.append(link)
        yield path


def _is_page(window: Watched, path: str) -> bool:
    answer = window.context.request.get(f"{window.url}{path}")
    assert answer.status == 200, f"{path}: {answer.status}"
    return answer.headers["content-type"].startswith("text/html")


def _links(window: Watched) -> list[str]:
    script = "links => links.map(each => each.href.replace(/#.*/, ''))"
    found = window.page.locator("a[href]").evaluate_all(script)
    return [link.removeprefix(window.url) for link in found if link.startswith(f"{window.url}/")]
