"""Every error in the OpenAPI document's examples is one that its operation answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from werkzeug.test import TestResponse

from paymentapp.api.bulk_bodies import BULK_MAX_BYTES
from paymentapp.api.examples import CUSTOMER_ID, PAYMENT_ID
from paymentapp.api.problems import EXAMPLE_REQUEST_ID
from paymentapp.clock import from_text
from paymentapp.config import Settings
from paymentapp.models.duplicates import duplicate_check
from paymentapp.models.payments import Cause, Status
from paymentapp.models.references import reference_claim
from paymentapp.models.webhook_endpoints import ENDPOINTS_MAX, SECRETS_MAX
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.openach.payees import OpenAchPayees
from paymentapp.providers.paypal.payees import PayPalPayees
from paymentapp.providers.stripe.payees import StripePayees
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.vault.sealing import Vault, new_key
from tests.api.conftest import Bench
from tests.support.payment_methods import WirePayees, ledger
from tests.support.records import a_payment, add_payment

CUSTOMER = "/v1/api/customer"
PAYMENT = "/v1/api/payment"
SOME_PAYMENT = f"{PAYMENT}/ada/2026-01-02T03:04:05.678901Z"
HOLDS = "/v1/api/holds"
REPORT = "/v1/api/reports/payments"
LIMITS = "/v1/api/limits"
SOME_HOLD = f"{HOLDS}/20260102T030406000000-5f0c2b9e"
BULK = "/v1/api/bulk"
SOME_RUN = f"{BULK}/20260102T030405678901-5f0c2b9e"
ENDPOINTS = "/v1/api/webhook-endpoints"
SOME_ENDPOINT = f"{ENDPOINTS}/we_202601020304050000005f0c2b9e"
SOME_REDELIVERY = "deliveries/evt_00000000000000000009/redeliver"
NEW_ENDPOINT = {"url": "https://example.com/events"}
METHOD = f"{CUSTOMER}/ada/payment-methods"
ADA = {"customer_id": "ada", "email": "ada@example.com"}
DETAILS = {"details": {"email": "ada@example.com"}}
KEY = {"Idempotency-Key": "k1"}
LONG = "x" * 70_000
STATUSES = {"400", "401", "404", "406", "409", "412", "413", "415", "422", "428"}


@pytest.fixture
def bench() -> Bench:
    """Return the service with all payment methods, and Ada."""
    paypal = ledger("paypal")
    paypal.payees = PayPalPayees()
    stripe = ledger("stripe", StripePayees("none"))
    openach = ledger("openach", OpenAchPayees(Vault(new_key())))
    methods = {"ach": ledger("ach", WirePayees()), "openach": openach, "stripe": stripe}
    methods["ach"].remittance = Ach.remittance
    bench = Bench(providers={"paypal": paypal, **methods})
    bench.add_customer()
    return bench


def asked(bench: Bench, operation: Operation) -> Iterator[TestResponse]:
    """Yield the answers to what every operation refuses, and to what this one does."""
    path, method = operation.path, operation.method
    twice = {"Authorization": "Bearer a, Bearer b"}
    yield bench.client.open(path, method=method, headers=twice)
    yield bench.caller(None).open(path, method=method)
    if operation.takes_body:
        yield bench.client.open(path, method=method, data="{}", content_type="text/plain")
        yield bench.client.open(path, method=method, data=LONG, content_type="application/json")
    yield from operation.refused(bench)


def add_customer(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(CUSTOMER, json={"email": "ada"})
    yield bench.client.post(CUSTOMER, json={**ADA, "email": "a@example.com"})
    yield bench.client.post(CUSTOMER, json={**ADA, "vip": True})
    many = {f"a{number}": "x" * 200 for number in range(3)}
    yield bench.client.post(CUSTOMER, json={**ADA, **many})
    bench.client.delete(f"{CUSTOMER}/ada")
    yield bench.client.post(CUSTOMER, json=ADA)


def get_customer(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{CUSTOMER}/eve")


def list_customers(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{CUSTOMER}?limit=0")
    yield bench.client.get(f"{CUSTOMER}?email=ada")


def change_customer(bench: Bench) -> Iterator[TestResponse]:
    ada, anything = f"{CUSTOMER}/ada", {"If-Match": "*"}
    yield bench.client.patch(ada, json={"email": None}, headers=anything)
    yield bench.client.patch(ada, json={}, headers={"If-Match": "abc"})
    yield bench.client.patch(f"{CUSTOMER}/eve", json={"vip": True}, headers=anything)
    yield bench.client.patch(ada, json={"vip": True}, headers={"If-Match": '"abc"'})
    yield bench.client.patch(ada, json={"vip": True})
    many = {f"a{number}": "x" * 200 for number in range(3)}
    yield bench.client.patch(ada, json=many, headers=anything)


def erase_customer(bench: Bench) -> Iterator[TestResponse]:
    ada = f"{CUSTOMER}/ada"
    yield bench.client.delete(ada, headers={"If-Match": "abc"})
    yield bench.client.delete(f"{CUSTOMER}/eve")
    yield bench.client.delete(ada, headers={"If-Match": '"abc"'})
    paid = a_payment(payment_id=PAYMENT_ID)
    add_payment(bench.store, paid)
    yield bench.client.delete(ada)


def get_customer_history(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{CUSTOMER}/ada/history?limit=101")
    yield bench.client.get(f"{CUSTOMER}/ada/history?cursor=MQ")
    yield bench.client.get(f"{CUSTOMER}/eve/history")


def put_payment_method(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.put(f"{METHOD}/paypal", json={"detail": {}})
    yield bench.client.put(f"{CUSTOMER}/eve/payment-methods/paypal", json=DETAILS)
    yield bench.client.put(f"{METHOD}/cash", json=DETAILS)
    yield bench.client.put(f"{METHOD}/openach", json={"details": {"iban": "DE1"}})
    yield bench.client.put(f"{METHOD}/openach", json={"details": {}})


def get_payment_method(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{METHOD}/paypal")
    yield bench.client.get(f"{CUSTOMER}/eve/payment-methods/paypal")


def delete_payment_method(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.delete(f"{METHOD}/paypal")
    yield bench.client.delete(f"{CUSTOMER}/eve/payment-methods/paypal")


def list_payment_methods(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{CUSTOMER}/eve/payment-methods")


def request_payment(bench: Bench) -> Iterator[TestResponse]:
    yield bench.pay(amount=0, currency=..., curency="USD")
    yield bench.pay({"Idempotency-Key": "a, b"})
    yield strict(bench).pay()
    yield bench.pay(customer_id="eve")
    yield bench.pay(email="eve@example.com")
    yield bench.pay(currency="JPY", amount=10.5)
    yield bench.pay(scheduled_at="2026-03-01T12:00:00Z")
    yield bench.pay(payment_method="ach", description="für")
    yield bench.pay(KEY)
    yield bench.pay(KEY, amount=99)
    above = limited(bench)
    above.pay(amount=4900)
    yield above.pay(amount=200)
    yield repeated(bench).pay(customer_id=CUSTOMER_ID)
    yield referred(bench).pay(customer_id=CUSTOMER_ID, reference="invoice-1007")


def limited(bench: Bench) -> Bench:
    """Return the same service at the time of the examples, with their limit."""
    settings, now = Settings(limits="customer USD 5000/day"), from_text(PAYMENT_ID)
    return Bench(settings, store=bench.store, providers=bench.providers, now=now)


def referred(bench: Bench) -> Bench:
    """Return a service with unique references, one of which the payment of the examples has."""
    referred = Bench(Settings(unique_references=True), providers=bench.providers)
    referred.add_customer(customer_id=CUSTOMER_ID)
    paid = a_payment(customer_id=CUSTOMER_ID, payment_id=PAYMENT_ID)
    claim = reference_claim("test", "invoice-1007")
    referred.store.accept(Acceptance(paid, reference=claim))
    return referred


def repeated(bench: Bench) -> Bench:
    """Return a service that has the payment of the examples, and looks for duplicates."""
    now = from_text(PAYMENT_ID) + timedelta(minutes=1)
    repeated = Bench(Settings(duplicate_hours=1), providers=bench.providers, now=now)
    repeated.add_customer(customer_id=CUSTOMER_ID)
    paid = a_payment(customer_id=CUSTOMER_ID, payment_id=PAYMENT_ID)
    alike = duplicate_check("test", CUSTOMER_ID, paid.money, now, 1, ignore=True)
    repeated.store.accept(Acceptance(paid, alike=alike))
    return repeated


def strict(bench: Bench) -> Bench:
    """Return the same service where a key is a must."""
    settings = Settings(require_idempotency_key=True)
    return Bench(settings, store=bench.store, providers=bench.providers)


def list_events(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get("/v1/api/events?after=1")


def get_event(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get("/v1/api/events/evt_00000000000000000009")


def list_payments(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{PAYMENT}/ada?limit=0")
    yield bench.client.get(f"{PAYMENT}/eve")


def list_account_payments(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{PAYMENT}?min_amount=-1")
    yield bench.client.get(f"{PAYMENT}?cursor=MQ")


def report_payments(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{REPORT}?payees=some")
    yield bench.client.get(REPORT, headers={"Accept": "application/pdf"})


def report_summary(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get("/v1/api/reports/summary?min_amount=-1")
    yield bench.client.get("/v1/api/reports/summary?by=week")


def get_payment(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(SOME_PAYMENT)


def cancel_payment(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_PAYMENT}/cancel")
    yield bench.client.post(f"{submitted(bench)}/cancel")


def submitted(bench: Bench) -> str:
    """Return the path of a payment that its provider has."""
    payment_id = bench.pay().get_json()["payment_id"]
    (paid,) = bench.worker.woken
    sent = paid.moved(Status.SUBMITTING, bench.now, Cause.DISPATCH, due_at=None)
    sent = sent.moved(Status.SUBMITTED, bench.now, Cause.DISPATCH)
    assert bench.store.change_payments([PaymentChange(paid, sent)]) == [True]
    return f"{PAYMENT}/ada/{payment_id}"


def place_hold(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(HOLDS, json={})
    everything = {"scope": "all", "reason": "a doubt"}
    yield bench.client.post(HOLDS, json={**everything, "value": "ada"})
    for scope in ("customer", "payment", "provider"):
        yield bench.client.post(HOLDS, json={**everything, "scope": scope, "value": "eve"})


def list_holds(_bench: Bench) -> Iterator[TestResponse]:
    yield from ()


def release_hold(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.delete(SOME_HOLD)


def hold_payment(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_PAYMENT}/hold", json={})
    yield bench.client.post(f"{SOME_PAYMENT}/hold", json={"reason": "a doubt"})
    yield bench.client.post(f"{submitted(bench)}/hold", json={"reason": "a doubt"})


def release_payment(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_PAYMENT}/release")
    yield bench.client.post(f"{submitted(bench)}/release")


def approve_payment(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_PAYMENT}/approve", json={"notes": "seen"})
    yield bench.client.post(f"{SOME_PAYMENT}/approve", json={})
    location = bench.pay().headers["Location"]
    yield bench.client.post(f"{location}/approve", json={})


def reject_payment(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_PAYMENT}/reject", json={})
    yield bench.client.post(f"{SOME_PAYMENT}/reject", json={"reason": "a doubt"})
    location = bench.pay().headers["Location"]
    yield bench.client.post(f"{location}/reject", json={"reason": "a doubt"})


def retry_payment(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_PAYMENT}/retry", json={"method": "ach"})
    yield bench.client.post(f"{SOME_PAYMENT}/retry", json={})
    location = bench.pay(KEY).headers["Location"]
    yield bench.client.post(f"{location}/retry", json={})
    failed(bench)
    yield bench.client.post(f"{location}/retry", json={"payment_method": "ach"})
    yield bench.client.post(f"{location}/retry", json={}, headers=KEY)
    above = limited(bench)
    location = above.pay(amount=200).headers["Location"]
    failed(above)
    above.pay(amount=4900)
    yield above.client.post(f"{location}/retry", json={})
    once = referred(bench)
    free = Bench(store=once.store, providers=bench.providers, now=once.now)
    location = free.pay(customer_id=CUSTOMER_ID, reference="invoice-1007").headers["Location"]
    failed(free)
    yield once.client.post(f"{location}/retry", json={})


def failed(bench: Bench) -> None:
    """Have the payment that was requested last fail."""
    paid = bench.worker.woken[-1]
    sent = paid.moved(Status.SUBMITTING, bench.now, Cause.DISPATCH, due_at=None)
    change = PaymentChange(paid, sent.moved(Status.FAILED, bench.now, Cause.POLL, reason="no"))
    assert bench.store.change_payments([change]) == [True]


def show_limits(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{LIMITS}?customer_id=*")


def show_balances(_bench: Bench) -> Iterator[TestResponse]:
    yield from ()


def show_readiness(_bench: Bench) -> Iterator[TestResponse]:
    yield from ()


def add_webhook_endpoint(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(ENDPOINTS, json={})
    yield bench.client.post(ENDPOINTS, json=NEW_ENDPOINT)
    yield bench.client.post(ENDPOINTS, json={"url": "http://example.com"})
    yield bench.client.post(ENDPOINTS, json={"url": "https://10.0.0.1"})
    yield bench.client.post(ENDPOINTS, json=NEW_ENDPOINT, headers={"Idempotency-Key": "a,b"})
    sealing, other = sealed(bench), {**NEW_ENDPOINT, "description": "other"}
    made = sealing.client.post(ENDPOINTS, json=NEW_ENDPOINT, headers=KEY).get_json()
    yield sealing.client.post(ENDPOINTS, json=other, headers=KEY)
    sealing.client.delete(f"{ENDPOINTS}/{made['id']}")
    yield sealing.client.post(ENDPOINTS, json=NEW_ENDPOINT, headers=KEY)
    for _ in range(ENDPOINTS_MAX + 1):
        yield sealing.client.post(ENDPOINTS, json=NEW_ENDPOINT)


def sealed(bench: Bench) -> Bench:
    """Return the same service with a key of the vault."""
    settings = Settings(vault_keys=new_key())
    return Bench(settings, store=bench.store, providers=bench.providers)


def endpoint(bench: Bench) -> str:
    """Return the path of a new endpoint."""
    made = sealed(bench).client.post(ENDPOINTS, json=NEW_ENDPOINT).get_json()
    return f"{ENDPOINTS}/{made['id']}"


def disabled(bench: Bench) -> str:
    """Return the path of an endpoint that is disabled."""
    path = endpoint(bench)
    bench.client.patch(path, json={"status": "disabled"})
    return path


def list_webhook_endpoints(_bench: Bench) -> Iterator[TestResponse]:
    yield from ()


def get_webhook_endpoint(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(SOME_ENDPOINT)


def change_webhook_endpoint(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.patch(SOME_ENDPOINT, json={})
    yield bench.client.patch(SOME_ENDPOINT, json={"secret": "x"})
    yield bench.client.patch(endpoint(bench), json={"url": "https://localhost"})


def delete_webhook_endpoint(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.delete(SOME_ENDPOINT)


def rotate_webhook_secret(bench: Bench) -> Iterator[TestResponse]:
    sealing = sealed(bench)
    yield sealing.client.post(f"{SOME_ENDPOINT}/rotate-secret")
    path = endpoint(bench)
    yield bench.client.post(f"{path}/rotate-secret")
    for _ in range(SECRETS_MAX):
        yield sealing.client.post(f"{path}/rotate-secret")


def test_webhook_endpoint(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_ENDPOINT}/test")
    yield bench.client.post(f"{disabled(bench)}/test")


test_webhook_endpoint.__test__ = False  # type: ignore[attr-defined]  # the name of an operation


def list_webhook_deliveries(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{SOME_ENDPOINT}/deliveries?cursor=1")
    yield bench.client.get(f"{SOME_ENDPOINT}/deliveries")


def redeliver_webhook(bench: Bench) -> Iterator[TestResponse]:
    for path in (SOME_ENDPOINT, endpoint(bench), disabled(bench)):
        yield bench.client.post(f"{path}/{SOME_REDELIVERY}")


def ask_bulk_run(bench: Bench) -> Iterator[TestResponse]:
    table = {"content_type": "text/csv"}
    yield bench.send(BULK, "customer_id,email,amount\n", **table)
    yield bench.send(BULK, "", headers={"Idempotency-Key": "a,b"}, **table)
    yield bench.send(BULK, "", content_type="text/plain")
    too_long = {"CONTENT_LENGTH": str(BULK_MAX_BYTES + 1)}
    yield bench.send(BULK, "", **table, environ_overrides=too_long)
    header = "customer_id,email,amount,currency\n"
    yield bench.send(BULK, header, **table)
    for amount in (1, 2):
        row = f"ada,ada@example.com,{amount},USD\n"
        yield bench.send(BULK, header + row, **table, headers=KEY)


def list_bulk_runs(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{BULK}?cursor=1")


def get_bulk_run(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(SOME_RUN)


def list_bulk_rows(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.get(f"{SOME_RUN}/rows?status=odd")
    yield bench.client.get(f"{SOME_RUN}/rows")


def completed(bench: Bench) -> str:
    """Return the path of a run that has ended."""
    text = "customer_id,email,amount,currency\nada,ada@example.com,1,USD\n"
    made = bench.send(f"{BULK}?mode=each", text, content_type="text/csv")
    bench.services.bulk_runner.advance()
    return made.headers["Location"]


def refused(bench: Bench) -> str:
    """Return the path of a run that has ended without payments."""
    text = "customer_id,email,amount,currency\nx,x,1,USD\n"
    made = bench.send(BULK, text, content_type="text/csv")
    bench.services.bulk_runner.advance()
    return made.headers["Location"]


def hold_bulk_run(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_RUN}/hold", json={})
    for path in (SOME_RUN, refused(bench)):
        yield bench.client.post(f"{path}/hold", json={"reason": "odd"})


def release_bulk_run(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_RUN}/release")


def cancel_bulk_run(bench: Bench) -> Iterator[TestResponse]:
    yield bench.client.post(f"{SOME_RUN}/cancel")
    path = completed(bench)
    _, token = bench.services.api_keys.create("ann", ["admin"])
    bench.caller(token).post(f"{path}/approve")
    yield bench.client.post(f"{path}/cancel")


def decided(bench: Bench, action: str, body: dict[str, str]) -> Iterator[TestResponse]:
    """Yield what refuses a decision about a run; `body` is one that is taken."""
    yield bench.client.post(f"{SOME_RUN}/{action}", json=body)
    path = refused(bench)
    yield bench.client.post(f"{path}/{action}", json=body)
    _, token = bench.services.api_keys.create("ann", ["admin"])
    yield bench.caller(token).post(f"{path}/{action}", json=body)


def approve_bulk_run(bench: Bench) -> Iterator[TestResponse]:
    yield from decided(bench, "approve", {})
    yield bench.client.post(f"{SOME_RUN}/approve", json={"note": "x" * 201})


def reject_bulk_run(bench: Bench) -> Iterator[TestResponse]:
    yield from decided(bench, "reject", {"reason": "odd"})
    yield bench.client.post(f"{SOME_RUN}/reject", json={})


class Operation(NamedTuple):
    """An operation of the document, and requests that it refuses."""

    refused: Callable[[Bench], Iterator[TestResponse]]
    method: str
    path: str
    takes_body: bool = False


OPERATIONS = [
    Operation(add_customer, "POST", CUSTOMER, takes_body=True),
    Operation(list_customers, "GET", CUSTOMER),
    Operation(change_customer, "PATCH", f"{CUSTOMER}/ada", takes_body=True),
    Operation(erase_customer, "DELETE", f"{CUSTOMER}/ada"),
    Operation(get_customer, "GET", f"{CUSTOMER}/ada"),
    Operation(get_customer_history, "GET", f"{CUSTOMER}/ada/history"),
    Operation(put_payment_method, "PUT", f"{METHOD}/paypal", takes_body=True),
    Operation(get_payment_method, "GET", f"{METHOD}/paypal"),
    Operation(delete_payment_method, "DELETE", f"{METHOD}/paypal"),
    Operation(list_payment_methods, "GET", METHOD),
    Operation(request_payment, "POST", PAYMENT, takes_body=True),
    Operation(list_account_payments, "GET", PAYMENT),
    Operation(list_payments, "GET", f"{PAYMENT}/ada"),
    Operation(get_payment, "GET", SOME_PAYMENT),
    Operation(cancel_payment, "POST", f"{SOME_PAYMENT}/cancel"),
    Operation(retry_payment, "POST", f"{SOME_PAYMENT}/retry", takes_body=True),
    Operation(approve_payment, "POST", f"{SOME_PAYMENT}/approve", takes_body=True),
    Operation(reject_payment, "POST", f"{SOME_PAYMENT}/reject", takes_body=True),
    Operation(place_hold, "POST", HOLDS, takes_body=True),
    Operation(list_holds, "GET", HOLDS),
    Operation(ask_bulk_run, "POST", BULK),
    Operation(list_bulk_runs, "GET", BULK),
    Operation(get_bulk_run, "GET", SOME_RUN),
    Operation(list_bulk_rows, "GET", f"{SOME_RUN}/rows"),
    Operation(hold_bulk_run, "POST", f"{SOME_RUN}/hold", takes_body=True),
    Operation(release_bulk_run, "POST", f"{SOME_RUN}/release"),
    Operation(cancel_bulk_run, "POST", f"{SOME_RUN}/cancel"),
    Operation(approve_bulk_run, "POST", f"{SOME_RUN}/approve", takes_body=True),
    Operation(reject_bulk_run, "POST", f"{SOME_RUN}/reject", takes_body=True),
    Operation(show_limits, "GET", LIMITS),
    Operation(show_balances, "GET", "/v1/api/balances"),
    Operation(report_payments, "GET", REPORT),
    Operation(report_summary, "GET", "/v1/api/reports/summary"),
    Operation(show_readiness, "GET", "/v1/api/readiness"),
    Operation(list_events, "GET", "/v1/api/events"),
    Operation(get_event, "GET", "/v1/api/events/evt_00000000000000000009"),
    Operation(release_hold, "DELETE", SOME_HOLD),
    Operation(hold_payment, "POST", f"{SOME_PAYMENT}/hold", takes_body=True),
    Operation(release_payment, "POST", f"{SOME_PAYMENT}/release"),
    Operation(add_webhook_endpoint, "POST", ENDPOINTS, takes_body=True),
    Operation(list_webhook_endpoints, "GET", ENDPOINTS),
    Operation(get_webhook_endpoint, "GET", SOME_ENDPOINT),
    Operation(change_webhook_endpoint, "PATCH", SOME_ENDPOINT, takes_body=True),
    Operation(delete_webhook_endpoint, "DELETE", SOME_ENDPOINT),
    Operation(rotate_webhook_secret, "POST", f"{SOME_ENDPOINT}/rotate-secret"),
    Operation(test_webhook_endpoint, "POST", f"{SOME_ENDPOINT}/test"),
    Operation(list_webhook_deliveries, "GET", f"{SOME_ENDPOINT}/deliveries"),
    Operation(redeliver_webhook, "POST", f"{SOME_ENDPOINT}/{SOME_REDELIVERY}"),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.refused.__name__)
def test_an_operation_answers_the_errors_that_it_documents(
    bench: Bench, operation: Operation
) -> None:
    document = bench.client.get("/openapi.json").get_json()
    same_id = {"request_id": EXAMPLE_REQUEST_ID}
    answers = [(answer.get_json() or {}) | same_id for answer in asked(bench, operation)]
    documented = list(examples(document, operation.refused.__name__))
    assert [each for each in documented if each not in answers] == []


def test_every_operation_is_asked(bench: Bench) -> None:
    document = bench.client.get("/openapi.json").get_json()
    paths = document["paths"].values()
    found = {each["operationId"] for path in paths for each in path.values() if "responses" in each}
    others = {"receive_webhook", "healthz", "readyz"}
    assert found == {operation.refused.__name__ for operation in OPERATIONS} | others


def examples(document: dict[str, Any], operation_id: str) -> Iterator[dict[str, Any]]:
    """Yield the examples of an operation's errors that a caller causes."""
    (operation,) = (
        operation
        for path in document["paths"].values()
        for operation in path.values()
        if "responses" in operation and operation["operationId"] == operation_id
    )
    for status in STATUSES & set(operation["responses"]):
        response = operation["responses"][status]
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        for example in response["content"]["application/problem+json"]["examples"].values():
            yield example["value"]
