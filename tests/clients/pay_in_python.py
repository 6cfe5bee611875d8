"""Pay Ada by the Python client that openapi-python-client has generated. Run and typed elsewhere.

`test_generated_clients.py` puts the generated package `payments_client` beside this file.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

from payments_client import AuthenticatedClient
from payments_client.api.bulk import ask_bulk_run, get_bulk_run, list_bulk_rows
from payments_client.api.customers import add_customer
from payments_client.api.methods import put_payment_method
from payments_client.api.payments import cancel_payment, get_payment, list_payments, request_payment
from payments_client.api.reports import report_payments, report_summary
from payments_client.models import (
    AchDetails,
    AchDetailsAccountType,
    BulkPayments,
    BulkRows,
    BulkRun,
    BulkRunStatus,
    Customer,
    Method,
    NewCustomer,
    NewMethod,
    Payment,
    PaymentOrder,
    PaymentOrderMetadata,
    PaymentPage,
    PaymentStatus,
    PaypalDetails,
    Problem,
    ReportSummaryByItem,
    StripeDetails,
    Summary,
)

WAIT = 60  # seconds for a payment to settle

# Each operation requires a scope; this service runs without authentication, and takes any token.
client = AuthenticatedClient(base_url=sys.argv[1], token="any")
order = PaymentOrder("python", "python@example.com", 12.5, "USD")


def main() -> None:
    """Register a customer, pay them twice, and read what became of it."""
    customer = add_customer.sync(client=client, body=NewCustomer("python", "python@example.com"))
    assert isinstance(customer, Customer), customer
    put_methods()
    settled(paid("key-1", order), "paypal")
    by_stripe = PaymentOrder("python", "python@example.com", 7.25, "USD", payment_method="stripe")
    by_stripe.reference, by_stripe.description = "invoice-1007", "For June"
    by_stripe.metadata = PaymentOrderMetadata.from_dict({"team": "b"})
    described = paid("key-2", by_stripe)
    assert (described.reference, described.description) == ("invoice-1007", "For June")
    assert described.metadata["team"] == "b"
    settled(described, "stripe")
    check_errors()
    check_listing()
    check_bulk()


def put_methods() -> None:
    """Set details for every payment method."""
    bank = AchDetails("Ada Lovelace", "021000021", "000123456789", AchDetailsAccountType.CHECKING)
    for name, details in (
        ("ach", bank),
        ("stripe", StripeDetails("acct_1032D82eZvKYlo2C")),
        ("paypal", PaypalDetails("python@example.com")),
    ):
        method = put_payment_method.sync("python", name, client=client, body=NewMethod(details))
        assert isinstance(method, Method), method
        assert method.payment_method == name


def paid(key: str, wanted: PaymentOrder) -> Payment:
    """Request a payment twice, and return the one payment."""
    first = request_payment.sync(client=client, body=wanted, idempotency_key=key)
    again = request_payment.sync_detailed(client=client, body=wanted, idempotency_key=key)
    assert isinstance(first, Payment), first
    assert isinstance(again.parsed, Payment), again
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.parsed.payment_id == first.payment_id
    return first


def settled(payment: Payment, method: str) -> None:
    """Wait until a payment has succeeded."""
    end = time.monotonic() + WAIT
    while payment.status is not PaymentStatus.SUCCEEDED:
        assert time.monotonic() < end, payment
        time.sleep(0.2)
        shown = get_payment.sync(payment.customer_id, payment.payment_id, client=client)
        assert isinstance(shown, Payment), shown
        payment = shown
    assert payment.payment_method == method


def check_errors() -> None:
    """Read problems: of the body, of a reused key, and of a payment that is not there."""
    other = PaymentOrder("python", "python@example.com", 13, "USD")
    reused = request_payment.sync(client=client, body=other, idempotency_key="key-1")
    assert isinstance(reused, Problem), reused
    assert reused.type_ == "/problems/idempotency-key-reused"
    nothing = PaymentOrder("python", "python@example.com", 0, "USD")
    invalid = request_payment.sync(client=client, body=nothing)
    assert isinstance(invalid, Problem), invalid
    assert invalid.errors
    assert invalid.errors[0].pointer == "/amount"
    absent = cancel_payment.sync("python", "2026-01-02T03:04:05.678901Z", client=client)
    assert isinstance(absent, Problem), absent
    assert absent.status == 404


def check_listing() -> None:
    """List the payments of a time, by a moment and by a date."""
    now = datetime.now(UTC)
    page = list_payments.sync("python", client=client, from_=now - timedelta(hours=1), to=now)
    assert isinstance(page, PaymentPage), page
    assert sorted(payment.amount for payment in page.payments) == [7.25, 12.5]
    earlier = list_payments.sync("python", client=client, to=now.date() - timedelta(days=2))
    assert isinstance(earlier, PaymentPage), earlier
    assert earlier.payments == []


def check_bulk() -> None:
    """Pay two more by one request, and report them."""
    wanted = [PaymentOrder("python", "python@example.com", amount, "USD") for amount in (3, 4.5)]
    run = ask_bulk_run.sync(client=client, body=BulkPayments(wanted), idempotency_key="run-1")
    end = time.monotonic() + WAIT
    while isinstance(run, BulkRun) and run.status is not BulkRunStatus.COMPLETED:
        assert time.monotonic() < end, run
        time.sleep(0.2)
        run = get_bulk_run.sync(run.bulk_id, client=client)
    assert isinstance(run, BulkRun), run
    assert (run.accepted, run.rejected, run.sums[0].amount) == (2, 0, 7.5)
    rows = list_bulk_rows.sync(run.bulk_id, client=client)
    assert isinstance(rows, BulkRows), rows
    assert [(row.line, row.errors) for row in rows.rows] == [(1, []), (2, [])]
    by = [ReportSummaryByItem.STATUS]
    summary = report_summary.sync(client=client, bulk_id=run.bulk_id, by=by)
    assert isinstance(summary, Summary), summary
    assert (summary.payments, summary.totals[0].amount) == (2, 7.5)
    report = report_payments.sync_detailed(client=client, bulk_id=run.bulk_id).content.decode()
    assert report.startswith("customer_id,payment_id,")
    assert report.count(run.bulk_id) == 2


main()
