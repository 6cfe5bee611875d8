"""Delivery of PayPal's webhooks, signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.common.webhook_queue import QueuedWebhook
from simulators.common.webhook_sender import WebhookSender
from simulators.paypal.core import PayPalSimulator
from simulators.paypal.settings import PayPalSimulatorSettings
from simulators.paypal.webhooks import event_of, sign_event


class PayPalWebhookSender(WebhookSender[PayPalSimulatorSettings]):
    """Sender of PayPal's webhooks; ``base`` is the simulator's own address."""

    def __init__(self, paypal: PayPalSimulator, base: str) -> None:
        def build(webhook: QueuedWebhook) -> Mapping[str, Any] | None:
            event = event_of(paypal, webhook, base)
            return None if event is None else sign_event(paypal, event, base)

        super().__init__(paypal, build)
