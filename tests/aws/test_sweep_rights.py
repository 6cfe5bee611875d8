"""The role of the sweep's function: what working off bulk runs needs of DynamoDB.

Each request is compared with deploy/aws/iam.tf, as those of the API are in test_api_rights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from paymentapp.aws_lambda import run_sweep
from paymentapp.bootstrap import Services, build_services
from paymentapp.clock import utc_now
from paymentapp.config import Settings
from paymentapp.models.actors import Actor
from paymentapp.models.bulk import BulkMode, BulkRow, BulkRun
from paymentapp.models.revisions import new_revision
from paymentapp.services.bulk.intake import BulkTerms
from paymentapp.storage import open_store
from paymentapp.storage.dynamodb import DynamoDBStore
from tests.support.aws_calls import counted
from tests.support.lambda_events import LambdaContext
from tests.support.payment_methods import ledger
from tests.support.records import bulk_rows
from tests.support.role_policy import Need, needs_of, statements_of

STATEMENTS = [*statements_of("sweep"), *statements_of("carry")]
CLERK = Actor("clerk", frozenset({"clerk"}), frozenset({"customers:write", "payments:hold"}))
ANN = Actor("ann", frozenset({"ann"}), frozenset())
STRICT = {
    "approvals": "first-payment: 1",
    "limits": "all USD 500000/24h; customer USD 400000/day",
    "unique_references": True,
    "duplicate_hours": 1,
}


@dataclass
class SweptDeployment:
    """Tables, the sweep's function over them, and the rights that its requests have needed."""

    store: DynamoDBStore
    prefix: str
    late: timedelta = timedelta(0)
    needs: set[Need] = field(default_factory=set)

    def clock(self) -> datetime:
        return utc_now() + self.late

    def services(self, **settings: object) -> Services:
        wanted = Settings(store="dynamodb", table_prefix=self.prefix, **settings)  # type: ignore[arg-type]  # of a dict
        providers = {"paypal": ledger("paypal")}
        return build_services(wanted, store=self.store, providers=providers, clock=self.clock)

    def sweep(self, services: Services) -> None:
        with counted(self.store._client()) as calls:
            run_sweep(services, LambdaContext())
        for operation, request in zip(calls.names, calls.requests, strict=True):
            self.needs |= set(needs_of(operation, request, self.prefix))

    def take_in(self, services: Services, rows: Sequence[BulkRow], terms: BulkTerms) -> BulkRun:
        return services.bulk_intake.take_in(rows, terms, CLERK, new_revision()).run


@pytest.fixture(scope="module")
def swept(dynamodb_endpoint: str) -> Iterator[SweptDeployment]:  # noqa: ARG001
    prefix = f"sweep-{new_revision()}-"
    store = open_store(Settings(store="dynamodb", table_prefix=prefix))
    assert isinstance(store, DynamoDBStore)
    names = store.create_tables()
    deployment = SweptDeployment(store, prefix)
    for settings in ({}, STRICT):
        runs_of_every_kind(deployment, deployment.services(**settings))
    yield deployment
    for name in names:
        store._client().delete_table(TableName=prefix + name)
    store.close()


def runs_of_every_kind(ours: SweptDeployment, services: Services) -> None:
    """Pay rows, refuse some, register customers, approve, cancel, and count what was paid."""
    known, unknown, wrong = bulk_rows(3)
    services.customers.register(known.customer_id, known.email, {})
    rows = [known, unknown._replace(customer_id=new_revision()), wrong]
    runs = [
        ours.take_in(services, rows, BulkTerms(BulkMode.EACH, registers=registers))
        for registers in (False, True)
    ]
    runs.append(ours.take_in(services, [known], BulkTerms(BulkMode.ALL)))
    ours.sweep(services)
    assert [services.bulk_runs.get(run.bulk_id).is_open for run in runs] == [False] * 3
    services.bulk_runs.approve(runs[0].bulk_id, ANN)
    services.bulk_runs.reject(runs[1].bulk_id, ANN, "not ours")
    services.bulk_runs.cancel(runs[2].bulk_id, CLERK)
    ours.sweep(services)
    ours.late += timedelta(minutes=5)
    ours.sweep(services)
    assert any(run.tally for run in services.bulk_runs.page(3).runs)


def test_the_role_allows_what_working_off_bulk_runs_needs(swept: SweptDeployment) -> None:
    refused = [
        need for need in sorted(swept.needs) if not any(each.allows(need) for each in STATEMENTS)
    ]
    assert refused == []


@pytest.mark.parametrize("table", ["Disbursements", "Operations"])
def test_rows_are_added_by_statements_and_by_themselves(swept: SweptDeployment, table: str) -> None:
    actions = {need.action for need in swept.needs if need.table == table}
    assert {"PartiQLInsert", "PutItem"} <= actions


def test_no_other_function_adds_payments_by_statements() -> None:
    for document in ("api", "carry", "dispatch", "deliver"):
        assert not any("PartiQLInsert" in each.actions for each in statements_of(document))
