"""Customers and their payment methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypedDict, Unpack

from paymentapp.models.revisions import new_revision

CUSTOMER_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$"
EMAIL_MAX_LENGTH = 127  # the most that every provider takes that pays to an e-mail
# RFC 5321 addresses in common use: a dot-atom at a host name with a dot in it, all ASCII. No
# quoted local parts and no address literals, which payment providers refuse.
EMAIL_PATTERN = (
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
)


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """How a customer is paid by one provider.

    `destination` is the provider's own form of the details; only the provider's code can read it,
    and its secret parts are sealed.
    """

    destination: str = field(repr=False)
    updated_at: datetime  # when the destination was last set or corrected
    note: str | None = None  # what the provider has reported about it since, for people
    blocked: str | None = None  # why it must not be used until it is put again


class CustomerChanges(TypedDict, total=False):
    """What may change in a customer's record."""

    methods: Mapping[str, PaymentMethod]
    default_method: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """A person or company that can be paid; `attributes` are the operator's own data.

    A record as it was registered has no methods and no revision.
    """

    customer_id: str
    email: str
    created_at: datetime
    attributes: Mapping[str, str | int | bool | Decimal | None] = field(default_factory=dict)
    methods: Mapping[str, PaymentMethod] = field(default_factory=dict)
    default_method: str | None = None
    revision: str = ""
    changes: int = 0  # lines of history that are stored beside the record

    def same_record(self, other: Customer) -> bool:
        """Return whether both were registered with the same data, at whatever time.

        In Python True equals 1; in a stored record they differ.
        """
        kinds = [{k: type(v) is bool for k, v in c.attributes.items()} for c in (self, other)]
        data = [(c.customer_id, c.email, c.attributes) for c in (self, other)]
        return data[0] == data[1] and kinds[0] == kinds[1]

    def changed(self, **changes: Unpack[CustomerChanges]) -> Customer:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)
