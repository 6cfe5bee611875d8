"""The role of the API's function: what its code needs of DynamoDB, and what it must not be able to.

Every operation is called once, over DynamoDB; each request is compared with deploy/aws/iam.tf.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from paymentapp import create_app
from paymentapp.bootstrap import build_services
from paymentapp.clock import utc_now
from paymentapp.config import Settings
from paymentapp.errors import NotSent
from paymentapp.models.actors import APPROVE
from paymentapp.models.batches import Batch
from paymentapp.models.payments import PaymentKey, Status
from paymentapp.models.revisions import new_revision
from paymentapp.providers.updates import WebhookNews
from paymentapp.storage import open_store
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.vault.sealing import new_key
from tests.support.aws_calls import counted
from tests.support.payment_methods import WirePayees, ledger
from tests.support.role_policy import Need, needs_of, statements_of
from tests.support.scripted_webhooks import ScriptedWebhooks

STATEMENTS = statements_of("api")
V1 = "/v1/api"


@dataclass
class Deployment:
    """The service over tables of its own, and the rights that its requests have needed."""

    store: DynamoDBStore
    settings: Settings
    needs: set[Need] = field(default_factory=set)
    operations: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.provider, self.webhooks = ledger("paypal"), ScriptedWebhooks()
        self.provider.webhooks = self.webhooks
        wire = ledger("wire", WirePayees())
        providers = {"paypal": self.provider, "wire": wire}
        self.services = build_services(self.settings, store=self.store, providers=providers)
        self.app = create_app(self.services)
        self.client = self.caller("clerk", ["admin"])
        self.approver = self.caller("ann", ["read", APPROVE])

    def caller(self, name: str, scopes: list[str]) -> FlaskClient:
        client = self.app.test_client()
        _, token = self.services.api_keys.create(name, scopes)
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    def call(self, method: str, path: str, body: object = None, **options: Any) -> TestResponse:
        """Send a request that must succeed; note its operation, and the rights that it needs."""
        client: FlaskClient = options.pop("client", self.client)
        if body is not None:
            options["json"] = body
        with counted(self.store._client()) as calls:
            response = client.open(path, method=method, **options)
            self._wait_for_the_use_of_keys(calls.requests)
        assert response.status_code < 300, response.get_data(as_text=True)
        for operation, request in zip(calls.names, calls.requests, strict=True):
            self.needs |= set(needs_of(operation, request, self.settings.table_prefix))
        with self.app.test_request_context(path, method=method) as context:
            assert context.request.url_rule
            rule = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", context.request.url_rule.rule)
            self.operations.add(f"{method} {rule}")
        return response

    def _wait_for_the_use_of_keys(self, requests: list[dict[str, Any]]) -> None:
        """Wait for the thread that stores when a key was last used, at its first request."""
        end = time.monotonic() + 2
        while not self.needs and time.monotonic() < end:
            if any(each.get("Key", {}).get("pk") == {"S": "apikey"} for each in requests[1:]):
                return
            time.sleep(0.01)

    def pay(self, customer: str = "ada", amount: float = 12.5, **changes: Any) -> str:
        """Request a payment; return its path."""
        order = {"customer_id": customer, "email": f"{customer}@example.com", "currency": "USD"}
        body = order | {"amount": amount, "allow_duplicate": True} | changes
        headers = {"Idempotency-Key": f'"{new_revision()}"'}
        paid = self.call("POST", f"{V1}/payment", body, headers=headers).get_json()
        return f"{V1}/payment/{customer}/{paid['payment_id']}"

    def dispatch(self, *paths: str) -> Batch:
        """Send payments, as another function does."""
        keys = [PaymentKey(*path.split("/")[-2:]) for path in paths]
        batch = self.services.dispatcher.submit([self.services.payments.get(key) for key in keys])
        assert batch is not None
        return batch


@pytest.fixture(scope="module")
def deployment(dynamodb_endpoint: str) -> Iterator[Deployment]:  # noqa: ARG001
    settings = Settings(
        store="dynamodb",
        table_prefix=f"rights-{new_revision()}-",
        approvals="USD 5000..: 1",
        limits="all USD 500000/24h; customer USD 400000/day",
        unique_references=True,
        duplicate_hours=1,
        vault_keys=new_key(),
    )
    store = open_store(settings)
    assert isinstance(store, DynamoDBStore)
    names = store.create_tables()
    yield Deployment(store, settings)
    for name in names:
        store._client().delete_table(TableName=settings.table_prefix + name)
    store.close()


def health(ours: Deployment) -> None:
    ours.services.sweeper.beat(timedelta(minutes=1))
    for path in ("/healthz", "/readyz", f"{V1}/readiness"):
        ours.call("GET", path)


def customers_and_methods(ours: Deployment) -> None:
    path, wire = f"{V1}/customer/ada", f"{V1}/customer/ada/payment-methods/wire"
    for name in ("ada", "bob", "eve"):
        body = {"customer_id": name, "email": f"{name}@example.com"}
        ours.call("POST", f"{V1}/customer", body)
    ours.call("GET", f"{V1}/customer?limit=1")
    ours.call("GET", f"{V1}/customer?email=ada@example.com")
    tag = ours.call("GET", path).headers["ETag"]
    ours.call("PATCH", path, {"nick": "Countess"}, headers={"If-Match": tag})
    ours.call("PUT", wire, {"details": {"account": "1234567"}})
    ours.call("GET", wire)
    ours.call("GET", f"{path}/payment-methods")
    ours.call("DELETE", wire)
    ours.call("GET", f"{path}/history")
    ours.call("DELETE", f"{V1}/customer/eve")


def payments(ours: Deployment) -> None:
    ours.call("POST", f"{ours.pay(reference='invoice 1')}/cancel")
    ours.call("POST", f"{ours.pay(amount=6000)}/approve", {}, client=ours.approver)
    rejected = {"reason": "not ours"}
    ours.call("POST", f"{ours.pay(amount=7000)}/reject", rejected, client=ours.approver)
    held = ours.pay(reference="invoice 2")
    ours.call("POST", f"{held}/hold", {"reason": "a doubt"})
    ours.call("POST", f"{held}/release")
    hold = ours.call("POST", f"{V1}/holds", {"scope": "provider", "value": "wire", "reason": "x"})
    ours.call("GET", f"{V1}/holds")
    ours.call("DELETE", f"{V1}/holds/{hold.get_json()['hold_id']}")
    ours.call("GET", held)
    ours.call("GET", f"{V1}/payment/ada?limit=2")
    ours.call("GET", f"{V1}/limits?customer_id=ada")
    ours.call("GET", f"{V1}/balances")
    ours.call("GET", f"{V1}/reports/payments")
    ours.call("GET", f"{V1}/reports/summary")


def what_was_dispatched(ours: Deployment) -> None:
    """Retry a payment that has failed; find payments; cancel one of a batch that did not leave."""
    ours.provider.status["bob@example.com"] = Status.FAILED
    failed = ours.pay("bob", reference="invoice 3")
    batch = ours.dispatch(failed)
    ours.services.poller.follow(batch)
    ours.call("POST", f"{failed}/retry", {})
    for query in ("reference=invoice+3", "status=failed", f"provider_id=ref-{batch.batch_id}"):
        ours.call("GET", f"{V1}/payment?{query}")

    def is_busy(_: Batch) -> None:
        raise NotSent("BUSY")

    ours.provider.before = is_busy
    waiting = ours.pay(), ours.pay("bob")
    ours.dispatch(*waiting)
    ours.call("POST", f"{waiting[0]}/cancel")


def bulk(ours: Deployment) -> None:
    """Ask for runs by a file; the sweep works one of them off."""
    path = f"{V1}/bulk"
    for number in (1, 2):
        text = f"customer_id,email,amount,currency\nada,ada@example.com,{number},USD\n"
        options: dict[str, Any] = {"data": text, "content_type": "text/csv"}
        options["headers"] = {"Idempotency-Key": f"file-{number}"}
        made = ours.call("POST", f"{path}?mode=each", **options).get_json()
    ours.call("GET", f"{path}?limit=1")
    run = f"{path}/{made['bulk_id']}"
    ours.call("POST", f"{run}/hold", {"reason": "a doubt"})
    ours.call("POST", f"{run}/release")
    ours.call("POST", f"{run}/cancel")
    while ours.services.bulk_runner.advance():
        pass
    ours.call("GET", run)
    ours.call("GET", f"{run}/rows")
    ours.call("POST", f"{run}/approve", {}, client=ours.approver)
    ours.services.bulk_runner.advance()
    ours.call("POST", f"{run}/reject", {"reason": "not ours"}, client=ours.approver)


def endpoints(ours: Deployment) -> None:
    path, body = f"{V1}/webhook-endpoints", {"url": "https://hooks.example.com/"}
    key = {"Idempotency-Key": '"e1"'}
    made = ours.call("POST", path, body, headers=key).get_json()
    ours.call("POST", path, body, headers=key)
    ours.call("GET", path)
    path = f"{path}/{made['id']}"
    ours.call("GET", path)
    for status in ("disabled", "enabled"):
        ours.call("PATCH", path, {"status": status})
    ours.call("POST", f"{path}/rotate-secret")
    event_id = ours.call("POST", f"{path}/test").get_json()["event_id"]
    ours.call("GET", f"{path}/deliveries")
    ours.call("POST", f"{path}/deliveries/{event_id}/redeliver")
    ours.call("DELETE", path)


def events_and_webhooks(ours: Deployment) -> None:
    for _ in range(4):  # each moves the end of a new list by ten hours of the day before
        ours.store.publish_events(utc_now() + timedelta(minutes=1))
    page = ours.call("GET", f"{V1}/events").get_json()
    while not page["events"]:  # a page looks into a few hours
        page = ours.call("GET", f"{V1}/events?after={page['next_cursor']}").get_json()
    ours.call("GET", f"{V1}/events/{page['events'][0]['id']}")
    body = ours.webhooks.tells(WebhookNews("WH-1", "PAYMENT.PAYOUTS-ITEM.SUCCEEDED"))
    ours.call("POST", "/webhooks/paypal", data=body)


@pytest.fixture(scope="module")
def called(deployment: Deployment) -> Deployment:
    """Return the deployment after every operation was called."""
    customers_and_methods(deployment)
    health(deployment)
    payments(deployment)
    what_was_dispatched(deployment)
    bulk(deployment)
    endpoints(deployment)
    events_and_webhooks(deployment)
    return deployment


def test_every_operation_was_called(called: Deployment) -> None:
    document = called.app.test_client().get("/openapi.json").get_json()
    assert called.operations == {
        f"{verb.upper()} {path}"
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if "operationId" in operation
    }


def test_the_role_allows_what_the_operations_need(called: Deployment) -> None:
    refused = [
        need for need in sorted(called.needs) if not any(each.allows(need) for each in STATEMENTS)
    ]
    assert refused == []


# A key that has expired is bound again; an endpoint that is enabled after failures forgets them; a
# registration's key is bound by two requests at once.
SELDOM = {"key#*", "note#webhook#we_*", "note#webhook-key#*"}


@pytest.mark.parametrize(("action", "seldom"), [("PutItem", set()), ("UpdateItem", SELDOM)])
def test_the_role_allows_no_write_of_a_kind_that_no_operation_makes(
    called: Deployment, action: str, seldom: set[str]
) -> None:
    patterns = {
        pattern
        for each in STATEMENTS
        if action in each.actions and ("Operations", "") in each.resources
        for pattern in each.conditions["LeadingKeys"]
    }
    keys = {
        key
        for need in called.needs
        if (need.action, need.table) == (action, "Operations")
        for key in need.keys
    }
    unneeded = {
        pattern for pattern in patterns if not any(fnmatchcase(key, pattern) for key in keys)
    }
    assert unneeded == seldom


@pytest.mark.parametrize(
    "need",
    [
        Need("PutItem", "Operations", "", frozenset({"apikey"})),
        Need("UpdateItem", "Operations", "", frozenset({"apikey"}), frozenset({"pk", "scopes"})),
        Need("DeleteItem", "Operations", "", frozenset({"apikey"})),
        Need("PutItem", "Operations", "", frozenset({"batch#20260301T09"})),
        Need("PutItem", "Operations", "", frozenset({"note#ach/file/1"})),
        Need("UpdateItem", "Operations", "", frozenset({"note#topic#arn"})),
        Need("UpdateItem", "Operations", "", frozenset({"events-end"})),
        Need("UpdateItem", "Operations", "", frozenset({"limit#a", "apikey"})),
        Need("Scan", "Operations", "", frozenset()),
        Need("DeleteItem", "Disbursements", "", frozenset({"ada"})),
        Need("Query", "Disbursements", "due", frozenset()),
    ],
    ids=lambda need: f"{need.action} {need.table} {' '.join(sorted(need.keys))}",
)
def test_the_role_does_not_allow(need: Need) -> None:
    assert not any(each.allows(need) for each in STATEMENTS)
