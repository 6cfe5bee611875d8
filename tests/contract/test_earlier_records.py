"""A record of every kind that version 0.1 stored is read, and written again to the letter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paymentapp.storage import batch_codec, codec, event_codec
from paymentapp.storage.codec import Record
from paymentapp.storage.sqlite.documents import from_json, to_json

KEPT: dict[str, list[Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "records_0_1.json").read_text()
)
KEY = "c" * 64


def _members(record: Record) -> Record:
    (header,) = (batch_codec.read_batch(each) for each in _records("batch")[:1])
    (again,) = batch_codec.member_records(header, batch_codec.read_members(header, [record]))
    return again


AGAIN: dict[str, Callable[[Record], Record]] = {
    "customer": lambda record: codec.customer_record(codec.read_customer(record)),
    "payment": lambda record: codec.payment_record(codec.read_payment(record)),
    "batch": lambda record: batch_codec.batch_record(batch_codec.read_batch(record)),
    "members": _members,
    "event": lambda record: event_codec.event_record(event_codec.read_event(record)),
    "idempotency_key": lambda record: codec.claim_record(codec.read_claim(KEY, record)),
    "note": lambda record: codec.note_record(codec.read_note("ach/upload/B-1", record)),
    "lease": lambda record: codec.lease_record(codec.read_lease("sweep#0001", record)),
    "api_key": lambda record: codec.api_key_record(codec.read_api_key(record)),
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
