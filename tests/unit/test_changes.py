"""Changes of records are named and typed, so that a misspelt field fails type checks."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import paymentapp
from paymentapp.models.batches import Batch, BatchChanges
from paymentapp.models.customers import Customer, CustomerChanges
from paymentapp.models.payments import Payment, PaymentChanges
from paymentapp.models.provider_events import ProviderEvent, ProviderEventChanges
from tests.support.records import a_batch, a_payment

# Each field of a record either may change or is here: what a record is, or what `changed` sets.
FIXED: dict[type[Any], set[str]] = {
    Customer: {
        *("customer_id", "created_at"),
        "changes",  # by `with_history` alone
        *("erased_at", "erased_by"),  # by `erased` alone
    },
    Payment: {
        *("customer_id", "payment_id", "money", "email", "request_id", "due_shard"),
        *("scheduled_at", "retry_of", "approval", "charges", "texts", "bulk_id"),
        *("status", "history"),  # by `moved` alone
        "erased_at",  # by `erased` alone
        "traceparent",  # by `moved` alone
    },
    Batch: {
        *("batch_id", "provider", "currency", "size", "created_at", "attention_shard"),
        "traceparent",
    },
    ProviderEvent: {
        *("provider", "event_id", "kind", "received_at", "attention_shard", "traceparent"),
    },
}
CHANGES: dict[type[Any], type[Any]] = {
    Customer: CustomerChanges,
    Payment: PaymentChanges,
    Batch: BatchChanges,
    ProviderEvent: ProviderEventChanges,
}


@pytest.mark.parametrize("record", CHANGES)
def test_every_field_may_change_or_may_not(record: type[Any]) -> None:
    names = {field.name for field in fields(record)}
    changes = set(get_type_hints(CHANGES[record]))
    assert changes | FIXED[record] | {"revision"} == names
    assert not changes & FIXED[record]


@pytest.mark.parametrize("record", CHANGES)
def test_a_change_is_of_its_fields_type(record: type[Any]) -> None:
    types = get_type_hints(record)
    for name, kind in get_type_hints(CHANGES[record]).items():
        assert kind == types[name], name


def test_a_misspelt_field_is_refused() -> None:
    """Refuse it in mypy too, which reports an ignore that hides no error."""
    with pytest.raises(TypeError):
        a_batch().changed(atempts=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        a_payment().changed(batch="b")  # type: ignore[call-arg]


def test_mypy_refuses_a_value_of_another_type() -> None:
    a_batch().changed(attempts="1")  # type: ignore[arg-type]
    a_payment().changed(due_at="2026-03-02")  # type: ignore[arg-type]


def test_whoever_passes_changes_on_says_of_which_record() -> None:
    package = Path(paymentapp.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.args.kwarg and node.args.kwarg.annotation:
                kind = ast.unparse(node.args.kwarg.annotation)
                assert node.args.kwarg.arg != "changes" or kind.startswith("Unpack["), path
