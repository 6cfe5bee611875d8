"""Customers, and how each of them is paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TypedDict, Unpack

from paymentapp.models.revisions import new_revision

CUSTOMER_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$"
EMAIL_MAX_LENGTH = 127  # as much as every provider takes that pays to an e-mail
# The addresses of RFC 5321 that people have: a dot-atom at a host name with a dot in it, all
# ASCII. No quoted local parts and no address literals, which payment providers refuse.
EMAIL_PATTERN = (
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
)


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """How a customer is paid by one provider.

    `destination` is what the provider made of the details that it was given: it alone can read
    it, and what is secret in it is sealed.
    """

    destination: str = field(repr=False)
    updated_at: datetime
    note: str | None = None  # what the provider has said of it since, for a person
    blocked: str | None = None  # why it must not be used until it is put again


class CustomerChanges(TypedDict, total=False):
    """What may change in a customer's record."""

    methods: Mapping[str, PaymentMethod]
    default_method: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who can be paid; `attributes` are the operator's own. A record as it was
    registered has no methods and no revision."""

    customer_id: str
    email: str
    created_at: datetime
    attributes: Mapping[str, str | int | bool | Decimal | None] = field(default_factory=dict)
    methods: Mapping[str, PaymentMethod] = field(default_factory=dict)
    default_method: str | None = None
    revision: str = ""

    def same_record(self, other: Customer) -> bool:
        """Whether both were registered the same, whenever that was.

        In Python True equals 1; on record they are not the same.
        """
        kinds = [{k: type(v) is bool for k, v in c.attributes.items()} for c in (self, other)]
        said = [(c.customer_id, c.email, c.attributes) for c in (self, other)]
        return said[0] == said[1] and kinds[0] == kinds[1]

    def changed(self, **changes: Unpack[CustomerChanges]) -> Customer:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)
