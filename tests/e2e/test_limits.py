"""Limits in a running service, as the curl script shows them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.test_approvals import PERSON
from tests.support.service import ROOT, run, running_service

RULES = "customer USD 100/24h; all USD 10000/24h"


def test_the_script_shows_each_limit_and_its_use(
    tmp_path: Path, store_environ: dict[str, str]
) -> None:
    environ = {**store_environ, "PAYMENTAPP_WORKERS": "1", "PAYMENTAPP_LIMITS": RULES}
    with running_service(tmp_path, **environ) as service:
        service.call("POST", "/v1/api/customer", PERSON)
        for amount, status in ((60.5, 202), (39.51, 422)):
            order = PERSON | {"amount": amount, "currency": "USD"}
            assert service.call("POST", "/v1/api/payment", order)[0] == status
        script = ROOT / "curl" / "limits.sh"
        shown = json.loads(run(script, "ann", environ={"PAYMENTAPP_URL": service.url}))
    left = [(limit["rule"], limit["used"], limit["remaining"]) for limit in shown["limits"]]
    assert left == [
        ("customer USD 100/24h", 60.5, 39.5),
        ("all USD 10000/24h", 60.5, 9939.5),
    ]
