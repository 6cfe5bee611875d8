"""Webhooks by agreement: a body stands for the news that a test has laid down for it."""

from __future__ import annotations

from collections.abc import Mapping

from paymentapp.errors import NotGenuine
from paymentapp.providers.base import WebhookNews


class ToldWebhooks:
    """The real interface over a dictionary; `problem` is raised by the check of a signature."""

    def __init__(self) -> None:
        self.news: dict[bytes, WebhookNews] = {}
        self.problem: Exception | None = None
        self.checked: list[dict[str, str]] = []

    def tells(self, news: WebhookNews) -> bytes:
        """The body that stands for the news."""
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
