"""`run --dev` starts simulators where no setting names a provider's address or account."""

from __future__ import annotations

import pytest

from paymentapp.cli.run_simulators import names_an_account


@pytest.mark.parametrize("name", ["PAYPAL_BASE_URL", "PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"])
def test_an_account_that_is_named_is_not_simulated(name: str) -> None:
    assert names_an_account({name: "x"})


@pytest.mark.parametrize(
    "environ", [{}, {"PAYPAL_CLIENT_ID": " "}, {"PAYMENTAPP_PAYPAL_NOTE": "x"}]
)
def test_without_one_all_is_simulated(environ: dict[str, str]) -> None:
    assert not names_an_account(environ)
