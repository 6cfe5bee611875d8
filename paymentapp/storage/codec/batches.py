"""Batches and their members as records."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal

from paymentapp.clock import from_text, maybe_text, maybe_time, to_text
from paymentapp.models.batches import (
    UNKNOWN_ATTEMPT,
    Batch,
    BatchState,
    Decision,
    Member,
    Resolution,
    StopOrder,
)
from paymentapp.models.caller_texts import sorted_metadata
from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey
from paymentapp.models.revisions import new_revision
from paymentapp.storage.codec.records import Record, reads, without_none

MEMBERS_PER_CHUNK = 500  # at most 230 KB, of the 400 KB that a DynamoDB item may have
TEXTS_PER_CHUNK = 100_000  # bytes of the callers' texts besides, about
PARKED_SHARD = "parked"
BATCH = "header"  # the sort key of a batch; its members have others


def batch_key(batch_id: str) -> str:
    """Return the partition of a batch and its members."""
    return f"batch#{batch_id}"


def batch_record(batch: Batch) -> Record:
    """Return a batch as a record.

    It is in the `attention` index while it has both `attention_shard` and `attention_at`. A parked
    batch is there under a shard of its own, by its creation time: it waits for an operator, and
    its `attention_at` is not stored.
    """
    parked = batch.state is BatchState.PARKED
    attention_at = batch.created_at if parked else batch.attention_at
    decision, stop = batch.decision, batch.stop_order
    return without_none(
        {
            "batch_id": batch.batch_id,
            "provider": batch.provider,
            "currency": batch.currency,
            "state": batch.state.value,
            "size": batch.size,
            "created_at": to_text(batch.created_at),
            "revision": batch.revision,
            "shard": batch.attention_shard,
            "attention_shard": PARKED_SHARD if parked else str(batch.attention_shard),
            "attention_at": maybe_text(attention_at),
            "excluded": " ".join(map(str, batch.excluded)) or None,
            "frozen_at": maybe_text(batch.frozen_at),
            "accepted_at": maybe_text(batch.accepted_at),
            "parked_at": maybe_text(batch.parked_at),
            "reference": batch.reference,
            "attempts": batch.attempts or None,
            "open_attempt": _attempt_text(batch),
            "last_error": batch.last_error,
            "unsettled": batch.unsettled,
            "verdicts": [f"{n} {reason}" for n, reason in batch.member_errors.items()] or None,
            "stop_order": [to_text(stop.at), *stop[1:]] if stop else None,
            "decision": [to_text(decision.at), *decision[1:]] if decision else None,
            "trace": batch.traceparent,
        }
    )


@reads
def read_batch(record: Record) -> Batch:
    """Return the batch of a record."""
    state = BatchState(record["state"])
    parked = state is BatchState.PARKED
    return Batch(
        batch_id=record["batch_id"],
        provider=record["provider"],
        currency=record["currency"],
        state=state,
        size=record["size"],
        created_at=from_text(record["created_at"]),
        revision=record["revision"],
        attention_at=None if parked else maybe_time(record.get("attention_at")),
        attention_shard=record["shard"],
        excluded=tuple(map(int, record.get("excluded", "").split())),
        frozen_at=maybe_time(record.get("frozen_at")),
        accepted_at=maybe_time(record.get("accepted_at")),
        parked_at=maybe_time(record.get("parked_at")),
        reference=record.get("reference"),
        attempts=record.get("attempts", 0),
        open_attempt=_read_attempt(record),
        last_error=record.get("last_error"),
        member_errors=dict(_read_member_error(line) for line in record.get("verdicts", ())),
        decision=_read_decision(record.get("decision")),
        stop_order=_read_stop_order(record.get("stop_order")),
        unsettled=Decimal(record["unsettled"]) if "unsettled" in record else None,
        traceparent=record.get("trace"),
    )


def _attempt_text(batch: Batch) -> str | None:
    """Return the open attempt with the version of the record that says so; None: not known.

    A process of an earlier version keeps what it does not know, and sends the batch: its version of
    the record then has another revision.
    """
    if batch.open_attempt == UNKNOWN_ATTEMPT:
        return None
    return f"{batch.revision} {batch.open_attempt}".rstrip()


def _read_attempt(record: Record) -> str:
    revision, _, attempt = record.get("open_attempt", "").partition(" ")
    return attempt if revision == record["revision"] else UNKNOWN_ATTEMPT


def _read_member_error(line: str) -> tuple[int, str]:
    position, _, reason = line.partition(" ")
    return int(position), reason


def _read_decision(parts: Sequence[str] | None) -> Decision | None:
    if parts is None:
        return None
    at, resolution, person, note, evidence = parts
    return Decision(from_text(at), Resolution(resolution), person, note, evidence)


def _read_stop_order(parts: Sequence[str] | None) -> StopOrder | None:
    if parts is None:
        return None
    at, person, note = parts
    return StopOrder(from_text(at), person, note)


def member_records(batch: Batch, members: Sequence[Member]) -> list[Record]:
    """Return the candidates of a batch as records of up to 500.

    Each holds the batch's first revision, by which a repeated write of the same list is
    recognised.
    """
    return [_chunk_record(batch, chunk) for chunk in _chunks(members)]


def _chunks(members: Sequence[Member]) -> Iterator[list[Member]]:
    chunk: list[Member] = []
    room = TEXTS_PER_CHUNK
    for member in members:
        size = len(_caller_text(member).encode()) + len(_options_text(member))
        if len(chunk) == MEMBERS_PER_CHUNK or size > room:
            yield chunk
            chunk, room = [], TEXTS_PER_CHUNK
        chunk.append(member)
        room -= size
    if chunk:
        yield chunk


def erased_chunk(batch: Batch, record: Record, keys: Collection[PaymentKey]) -> Record | None:
    """Return one record of members without what it holds of some payments' payees.

    None where it holds nothing of them. It gets a revision of its own: the one by which a repeated
    write of the list is recognised is not needed once the list is stored.
    """
    members = _read_chunk(record)
    kept = [member.erased() if member.key in keys else member for member in members]
    if kept == members:
        return None
    return _chunk_record(batch, kept) | {"revision": new_revision()}


def _chunk_record(batch: Batch, chunk: Sequence[Member]) -> Record:
    """Return one record of members; `texts` has those of a caller, each with its member's position.

    They, `runs` and `options` are no part of the lines of the members, so that a version that does
    not know them reads the rest.
    """
    texts = [f"{n} {text}" for n, member in enumerate(chunk) if (text := _caller_text(member))]
    lines = [_member_text(member) for member in chunk]
    runs = _run_texts(chunk) or None
    options = [f"{n} {text}" for n, member in enumerate(chunk) if (text := _options_text(member))]
    others = {"texts": texts or None, "runs": runs, "options": options or None}
    return without_none({"revision": batch.revision, "members": lines, **others})


def _run_texts(chunk: Sequence[Member]) -> list[str]:
    """Return each bulk run that members are of, with the positions of these."""
    positions: dict[str, list[str]] = {}
    for number, member in enumerate(chunk):
        if member.bulk_id is not None:
            positions.setdefault(member.bulk_id, []).append(str(number))
    return [" ".join([bulk_id, *found]) for bulk_id, found in positions.items()]


def _caller_text(member: Member) -> str:
    if member.description is None and not member.metadata:
        return ""
    return _json([member.description, dict(member.metadata)])


def _options_text(member: Member) -> str:
    """Return a member's options, in which everything is ASCII."""
    return json.dumps(dict(member.options), separators=(",", ":")) if member.options else ""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@reads
def read_members(batch: Batch, records: Iterable[Record]) -> list[Member]:
    """Return the candidates of a batch, in their order."""
    members = [member for record in records for member in _read_chunk(record)]
    if len(members) != batch.size:
        raise ValueError("the list of members is not complete")
    return members


def _read_chunk(record: Record) -> list[Member]:
    members = [_read_member(line) for line in record["members"]]
    for line in record.get("texts", ()):
        position, _, text = line.partition(" ")
        description, metadata = json.loads(text)
        changed = {"description": description, "metadata": sorted_metadata(metadata)}
        members[int(position)] = members[int(position)]._replace(**changed)
    for line in record.get("runs", ()):
        bulk_id, *positions = line.split(" ")
        for number in map(int, positions):
            members[number] = members[number]._replace(bulk_id=bulk_id)
    for line in record.get("options", ()):
        position, _, text = line.partition(" ")
        options = sorted_metadata(json.loads(text))
        members[int(position)] = members[int(position)]._replace(options=options)
    return members


def _member_text(member: Member) -> str:
    money = member.money
    line = (
        f"{member.customer_id} {member.payment_id} {money.amount} {money.currency} {member.email}"
    )
    return line if member.destination is None else f"{line} {member.destination}"


def _read_member(line: str) -> Member:
    customer_id, payment_id, amount, currency, email, *rest = line.split(" ", 5)
    destination = rest[0] if rest else None
    return Member(customer_id, payment_id, Money(Decimal(amount), currency), email, destination)
