"""Records of every kind that version 0.1 stored are read, and written again identically."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paymentapp.storage.codec.batches import batch_record, member_records, read_batch, read_members
from paymentapp.storage.codec.customers import customer_record, read_customer
from paymentapp.storage.codec.operations import (
    api_key_record,
    idempotency_record,
    lease_record,
    read_api_key,
    read_idempotency_record,
    read_lease,
    read_state,
    state_record,
)
from paymentapp.storage.codec.payments import payment_record, read_payment
from paymentapp.storage.codec.provider_events import event_record, read_event
from paymentapp.storage.codec.records import Record
from paymentapp.storage.sqlite.json_documents import from_json, to_json

KEPT: dict[str, list[Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "records_0_1.json").read_text()
)
KEY = "c" * 64


def _members(record: Record) -> Record:
    (header,) = (read_batch(each) for each in _records("batch")[:1])
    (again,) = member_records(header, read_members(header, [record]))
    return again


AGAIN: dict[str, Callable[[Record], Record]] = {
    "customer": lambda record: customer_record(read_customer(record)),
    "payment": lambda record: payment_record(read_payment(record)),
    "batch": lambda record: batch_record(read_batch(record)),
    "members": _members,
    "event": lambda record: event_record(read_event(record)),
    "idempotency_key": lambda record: idempotency_record(read_idempotency_record(KEY, record)),
    "note": lambda record: state_record(read_state("ach/upload/B-1", record)),
    "lease": lambda record: lease_record(read_lease("sweep#0001", record)),
    "api_key": lambda record: api_key_record(read_api_key(record)),
}


def _records(kind: str) -> list[Record]:
    return [from_json(json.dumps(document)) for document in KEPT[kind]]


def test_there_is_a_record_of_every_kind() -> None:
    assert AGAIN.keys() == KEPT.keys()
    assert all(KEPT.values())


@pytest.mark.parametrize("kind", sorted(KEPT))
def test_it_is_read_and_written_again_as_it_is(kind: str) -> None:
    for document, record in zip(KEPT[kind], _records(kind), strict=True):
        assert json.loads(to_json(AGAIN[kind](record))) == document
