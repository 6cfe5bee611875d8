"""Outgoing webhooks as spans of the payment's trace; the receiver gets the traceparent."""

from __future__ import annotations

from collections.abc import Mapping

from paymentapp.correlation import current, traceparent
from paymentapp.services.outbound.deliverer import Sends
from paymentapp.tracing.base import EVENT, PAYMENT, Role, Tracing


def traced_client(client: Sends, tracing: Tracing) -> Sends:
    """Return the client itself where traces are off, else one whose attempts are spans."""
    return _TracedClient(client, tracing) if tracing.enabled else client


class _TracedClient:
    """Posts webhooks within spans. The URL is the receiver's own and no attribute."""

    def __init__(self, client: Sends, tracing: Tracing) -> None:
        self._client = client
        self._tracing = tracing

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a body and return the status of the answer. Raises NotDelivered."""
        about = {EVENT: headers.get("webhook-id", "")}
        payment = current().get("payment")
        named = {**about, PAYMENT: payment} if payment else about
        with self._tracing.span("webhook delivery", Role.CLIENT, named, traceparent()) as span:
            own = traceparent()
            status = self._client.post(
                url, {**headers, "traceparent": own} if own else headers, body
            )
            span.set({"http.response.status_code": status})
            if not 200 <= status < 300:
                span.fail(str(status))
            return status

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
