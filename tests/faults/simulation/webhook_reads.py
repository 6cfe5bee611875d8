"""What a task has read last of webhooks: its attempts are judged by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paymentapp.models.webhook_endpoints import WebhookDelivery, WebhookEndpoint


@dataclass(slots=True)
class WebhookReads:
    """The versions of an endpoint, each with the true time at which it was read in this round.

    Also the events that were listed last, and the deliveries that were due.
    """

    endpoint_id: str = ""  # that the task delivers to
    endpoints: list[tuple[int, WebhookEndpoint]] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    due: dict[str, WebhookDelivery] = field(default_factory=dict)
