"""When the payments of a bulk run were made."""

from __future__ import annotations

from dataclasses import replace

from paymentapp.clock import to_text
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.bulk import LEASE
from paymentapp.storage.base import Store


def in_period_of_run(query: AccountQuery, store: Store) -> AccountQuery:
    """Return a query, bounded by the time in which the payments of its run, if any, were made.

    With room for the difference of two clocks. An engine without an index of runs then reads no
    more than what was requested meanwhile.
    """
    run = store.get_bulk_run(query.bulk_id) if query.bulk_id is not None else None
    if run is None:
        return query
    earliest = to_text(run.created_at - LEASE)
    latest = to_text(run.completed_at + LEASE) if run.completed_at else None
    if query.earliest is None or query.earliest < earliest:
        query = replace(query, earliest=earliest)
    if latest is not None and (query.latest is None or query.latest > latest):
        query = replace(query, latest=latest)
    return query
