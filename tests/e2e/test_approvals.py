"""Approvals in a running service: by one command, and by the curl script."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.support.service import ROOT, Service, run, running_service

PERSON = {"customer_id": "ann", "email": "ann@example.com"}
PAYMENTAPP = (sys.executable, "-m", "paymentapp")


def pay(service: Service, key: str) -> dict[str, Any]:
    headers = {"X-API-Key": key}
    order = PERSON | {"amount": 6, "currency": "USD"}
    status, payment = service.call("POST", "/v1/api/payment", order, headers)
    assert (status, payment["status"]) == (202, "awaiting_approval")
    found: dict[str, Any] = payment
    return found


def test_the_command_and_the_script_approve_and_reject(
    tmp_path: Path, store_environ: dict[str, str]
) -> None:
    environ = {**store_environ, "PAYMENTAPP_APPROVALS": "USD 5..: 1"}
    scopes = ("--scope", "write", "--scope", "read", "--scope", "payments:approve")
    run(*PAYMENTAPP, "init", environ=environ)
    payer = run(*PAYMENTAPP, "keys", "create", "payer", *scopes, environ=environ).strip()
    other = run(
        *PAYMENTAPP, "keys", "create", "ann", "--scope", "payments:approve", environ=environ
    )
    script = ROOT / "curl" / "approve.sh"
    with running_service(tmp_path, "run", PAYMENTAPP_WORKERS="1", **environ) as service:
        url = {"PAYMENTAPP_URL": service.url}
        service.call("POST", "/v1/api/customer", PERSON, {"X-API-Key": payer})
        ids = [pay(service, payer)["payment_id"] for _ in range(3)]
        own = run(script, "ann", ids[0], environ=url | {"PAYMENTAPP_KEY": payer}, refused=True)
        assert "Whoever requested a payment" in own
        theirs = url | {"PAYMENTAPP_KEY": other.strip()}
        assert '"pending"' in run(script, "ann", ids[0], "invoice 7", environ=theirs)
        assert '"rejected"' in run(
            script, "ann", ids[1], "not ours", environ=theirs | {"REJECT": "1"}
        )
        listed = run(*PAYMENTAPP, "approvals", "list", environ=environ)
        assert ids[2] in listed
        assert "1 payment awaits approval." in listed
        approved = run(*PAYMENTAPP, "approvals", "approve", f"ann/{ids[2]}", environ=environ)
        assert approved == f"payment ann/{ids[2]} is pending: 1 of 1 approvals\n"
