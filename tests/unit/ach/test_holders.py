"""Names of account holders: what an entry cannot hold is refused with what it can."""

from __future__ import annotations

import pytest

from paymentapp.errors import NotPayable
from tests.support.ach_backend import bank_account
from tests.unit.ach.test_mailbox import Service
from tests.unit.ach.test_mailbox import service as service  # a fixture


@pytest.mark.parametrize(
    ("holder", "offered"),
    [
        (
            "Jos\N{LATIN SMALL LETTER E WITH ACUTE} P\N{LATIN SMALL LETTER E WITH ACUTE}rez",
            "Jose Perez",
        ),
        ("Bartholomew Featherstonehaugh Junior", "Bartholomew"),
        ("Featherstonehaughington Fitzgerald", "Featherstonehaughingto"),
    ],
)
def test_a_name_that_no_entry_holds_is_refused_with_one_that_it_can(
    service: Service, holder: str, offered: str
) -> None:
    service.services.customers.register("ann", "ann@example.com", {})
    with pytest.raises(NotPayable, match=f"For example: {offered}$") as raised:
        service.services.methods.put("ann", "ach", bank_account("123456", holder=holder), None)
    assert raised.value.field == "details/holder"
    service.services.methods.put("ann", "ach", bank_account("123456", holder=offered), None)


@pytest.mark.parametrize("holder", ["0", "000", "0 0"])
def test_a_holder_of_zeros_is_refused(service: Service, holder: str) -> None:
    """NACHA's rules take a field of zeros for an empty one, and a bank refuses the whole file."""
    service.services.customers.register("ann", "ann@example.com", {})
    with pytest.raises(NotPayable):
        service.services.methods.put("ann", "ach", bank_account("123456", holder=holder), None)
