"""Customers and their payment methods."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.models.revisions import new_revision

CUSTOMER_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$"
ATTRIBUTES_MAX = 10
ATTRIBUTES_MAX_BYTES = 600  # names and values together; keeps the whole record below 1 KB
ATTRIBUTES_TOO_LARGE = f"All attributes together must have at most {ATTRIBUTES_MAX_BYTES} bytes."
EMAIL_MAX_LENGTH = 127  # the most that every provider takes that pays to an e-mail
# RFC 5321 addresses in common use: a dot-atom at a host name with a dot in it, all ASCII. No
# quoted local parts and no address literals, which payment providers refuse.
EMAIL_PATTERN = (
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
)


AttributeValue = str | int | bool | Decimal | None


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

    email: str
    email_changed_at: datetime | None
    attributes: Mapping[str, AttributeValue]
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
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    methods: Mapping[str, PaymentMethod] = field(default_factory=dict)
    default_method: str | None = None
    revision: str = ""
    changes: int = 0  # lines of history that are stored beside the record
    email_changed_at: datetime | None = None  # None: it is the one that was registered
    erased_at: datetime | None = None  # of a tombstone, which keeps the id from being used again
    erased_by: str = ""  # the client or the operator who erased the customer

    @property
    def is_erased(self) -> bool:
        """Return whether this is the tombstone of a customer who was erased."""
        return self.erased_at is not None

    @property
    def email_since(self) -> datetime:
        """Return since when the e-mail address is the one on record."""
        return self.email_changed_at or self.created_at

    @property
    def version_tag(self) -> str:
        """Return a text that changes with whatever the API shows of the record.

        It is a hash, so the same content has the same tag. Payment methods, which the record does
        not show, do not change it.
        """
        attributes = sorted((name, canonical(value)) for name, value in self.attributes.items())
        shown = repr((self.customer_id, self.email, self.created_at, attributes))
        return hashlib.sha256(shown.encode()).hexdigest()[:32]

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

    def erased(self, at: datetime, by: str) -> Customer:
        """Return the tombstone: nothing of the customer but the id and the times."""
        return Customer(
            customer_id=self.customer_id,
            email="",
            created_at=self.created_at,
            revision=new_revision(),
            changes=self.changes,
            erased_at=at,
            erased_by=by,
        )


def attributes_size(attributes: Mapping[str, AttributeValue]) -> int:
    """Return the bytes of names and values together, as `ATTRIBUTES_MAX_BYTES` counts them."""
    return sum(len(name) + len(str(value).encode()) for name, value in attributes.items())


def canonical(value: AttributeValue) -> str:
    """Return one text for equal values, in whatever form an engine returns a number."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(Decimal(value).normalize())
    return repr(value)


class CustomerQuery(NamedTuple):
    """Which customers to list: those after an id in the store's order, or with an e-mail address.

    `email` is compared exactly, as it is stored. `limit` is how many records are read at most.
    """

    limit: int
    email: str | None = None
    after: str | None = None


class CustomerPage(NamedTuple):
    """A page of a listing; `last_read` is the `after` of the next page, None at the end."""

    customers: list[Customer]
    last_read: str | None
