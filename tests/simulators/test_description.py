"""The check against PayPal's description detects violations."""

from __future__ import annotations

import pytest

from .support import ITEM, PAYOUTS, VERIFY, Api, Description, batch


def test_a_wrong_answer_would_be_noticed(description: Description, api: Api) -> None:
    good = api.show(api.pay())
    description.check("GET", f"{PAYOUTS}/X", 200, good)
    del good["batch_header"]["batch_status"]
    with pytest.raises(AssertionError, match="batch_status"):
        description.check("GET", f"{PAYOUTS}/X", 200, good)
    for method, path in (("POST", PAYOUTS), ("GET", f"{ITEM}/X"), ("POST", VERIFY)):
        with pytest.raises(AssertionError, match="debug_id"):
            description.check(method, path, 400, {"name": "X", "message": "x"})


def test_what_the_tests_send_is_what_the_description_asks(description: Description) -> None:
    description.check_schema("create_payout_request", batch())
