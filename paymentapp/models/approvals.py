"""Approvals: what a payment needs before it may leave, and who has given it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

NOTE_MAX = 200  # characters of an approval's note and of a rejection's reason
_DIGEST_LENGTH = 12  # hexadecimal digits: two of them in one payment never meet by accident


def digest(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def digests(identities: Iterable[str]) -> frozenset[str]:
    """Return identities as they are stored: hashed, so that the record stays short.

    Two sets of them have one in common where the identities themselves have, in upper or lower
    case: `Ann` and `ann` are one person.
    """
    return frozenset(digest(each.casefold()) for each in identities)


class RequiredApproval(NamedTuple):
    """What a payment needs: `approvers` different approvers, none of whom is its maker.

    `rule` is the rule that covers the payment, as it was configured when it was requested.
    `maker` are the digests of all identities of the client that requested it.
    """

    rule: str
    approvers: int
    maker: frozenset[str] = frozenset()


class Approval(NamedTuple):
    """One approval of a payment.

    It counts for the payee as it was then: `payee_version` changes with the payment's method and
    destination, and with the customer's details. `void` is set once a change has been noticed.
    """

    at: datetime
    by: str
    identities: frozenset[str]
    payee_version: str
    note: str = ""
    void: bool = False


def with_voids(approvals: Iterable[Approval], payee_version: str) -> tuple[Approval, ...]:
    """Return approvals, those of another payee's version marked as void."""
    return tuple(
        each._replace(void=each.void or each.payee_version != payee_version) for each in approvals
    )


def valid(approvals: Iterable[Approval]) -> list[Approval]:
    """Return the approvals that count, one for each approver."""
    counted: list[Approval] = []
    for each in approvals:
        if not each.void and all(each.identities.isdisjoint(o.identities) for o in counted):
            counted.append(each)
    return counted
