"""URL rules: quick to make, and as good as werkzeug's own."""

from __future__ import annotations

import pytest
from flask import url_for
from werkzeug.routing import Rule

from tests.api.conftest import Bench


def test_urls_can_be_built(bench: Bench) -> None:
    payment_id = "2026-03-01T12:00:00.000001Z"
    with bench.app.test_request_context():
        path = url_for("payments.get_payment", customer_id="ada", payment_id=payment_id)
        assert path == f"/v1/api/payment/ada/{payment_id}"
        assert url_for("customers.list_customers", limit=3) == "/v1/api/customer?limit=3"


def test_nothing_that_builds_urls_is_compiled_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("compiled")

    monkeypatch.setattr(Rule, "_compile_builder", refuse)
    assert Bench().caller(None).get("/healthz").status_code == 200
