"""Webhooks for tests: a body is a key to the event that a test has registered for it."""

from __future__ import annotations

from collections.abc import Mapping

from paymentapp.errors import NotGenuine
from paymentapp.providers.updates import WebhookNews


class ScriptedWebhooks:
    """The real interface over a dictionary; verifying a signature raises `problem`."""

    def __init__(self) -> None:
        self.news: dict[bytes, WebhookNews] = {}
        self.problem: Exception | None = None
        self.checked: list[dict[str, str]] = []

    def tells(self, news: WebhookNews) -> bytes:
        """Register an event; return the body that stands for it."""
        body = f"body of {len(self.news)}".encode()
        self.news[body] = news
        return body

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        self.checked.append(dict(headers))
        if self.problem is not None:
            raise self.problem
        if body not in self.news:
            raise NotGenuine("nobody signed that")

    def parse_webhook(self, body: bytes) -> WebhookNews:
        if body not in self.news:
            raise NotGenuine("that makes no sense")
        return self.news[body]
