"""Access tokens with real processes: gunicorn, and an issuer that is down at first and later."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.oidc_issuer import Issuer, running_issuer
from tests.support.service import Service, running_service

ADA = {"customer_id": "ada", "email": "ada@example.com"}
SCOPES = "customers:read customers:write payments:read payments:write"


def authorization(issuer: Issuer, scope: str = SCOPES) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer.token(sub='grace', scope=scope)}"}


def wait_for_the_issuer(service: Service, issuer: Issuer) -> None:
    end = time.monotonic() + 30
    while service.call("GET", "/v1/api/customer/ada", headers=authorization(issuer))[0] == 503:
        assert time.monotonic() < end, service.output()
        time.sleep(0.2)


def test_a_program_with_a_token_pays_while_its_issuer_comes_and_goes(tmp_path: Path) -> None:
    with (
        running_issuer() as issuer,
        running_service(tmp_path, "run", PAYMENTAPP_WORKERS="1", **issuer.environ) as service,
    ):
        assert f"access tokens of {issuer.url}" in service.output()
        assert service.call("GET", "/v1/api/customer/ada")[0] == 401
        issuer.stop()
        wanted = authorization(issuer)
        assert service.call("POST", "/v1/api/customer", ADA, wanted)[0] == 503
        issuer.start()
        wait_for_the_issuer(service, issuer)
        issuer.stop()
        assert service.call("POST", "/v1/api/customer", ADA, wanted)[0] == 201
        status, payment = service.call(
            "POST", "/v1/api/payment", {**ADA, "amount": 12.5, "currency": "USD"}, wanted
        )
        assert (status, payment["created_by"]) == (202, "grace")
        reader = authorization(issuer, "payments:read")
        assert service.call("GET", "/v1/api/payment/ada", headers=reader)[0] == 200
        assert service.call("POST", "/v1/api/customer", ADA, reader)[0] == 403
        issuer.start()
    assert "Traceback" not in service.output()
