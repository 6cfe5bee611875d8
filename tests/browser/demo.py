"""A service with the records of a plausible week: payments in every state, holds, approvals, a run.

It runs as `make run` starts it, with simulators, but with authentication, so that people have keys.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.service import Service, clean_environ, running_service

SECONDS = 90  # for the simulators to pay
SCOPES = {
    "payroll": ("read", "write"),  # a program, which requests
    "Grace Hopper": (
        *("read", "write", "payments:hold", "payments:approve"),
        *("webhooks:write", "reports:read"),
    ),
    "Ada Lovelace": ("read", "payments:approve"),
    "Linus Reader": ("payments:read",),
    "Clerk": ("customers:read",),
    "admin": ("admin",),
}
SETTINGS = {
    "PAYMENTAPP_APPROVALS": "USD 1000..: 1; EUR 1000..: 1",
    "PAYMENTAPP_LIMITS": "all USD 50000/day; client USD 40000/24h; payment USD 9000",
    "PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK": "on",
    "PAYMENTAPP_ACH_REHEARSAL_SECONDS": "2",
    "PAYMENTAPP_WORKERS": "1",
    "PAYMENTAPP_THREADS": "8",
    "PAYMENTAPP_RATE_LIMIT_ADDRESSES": "off",
}
CUSTOMERS = {
    "katherine-johnson": ("katherine.johnson@example.com", {"country": "US", "team": "Orbits"}),
    "annie-easley": ("annie.easley@example.com", {"country": "US", "team": "Propulsion"}),
    "mary-jackson": ("mary.jackson@example.com", {"country": "US", "team": "Tunnels"}),
    "joan-clarke": ("joan.clarke@example.com", {"country": "GB", "team": "Ciphers"}),
    "hedy-lamarr": ("hedy.lamarr@example.com", {"country": "AT", "team": "Radio"}),
    "emmy-noether": ("emmy.noether@example.com", {"country": "DE", "team": "Rings"}),
    "failing-account": ("fail.closed@example.com", {"country": "US"}),
    "returned-mail": ("returned.mail@example.com", {"country": "US"}),
    "not-yet-joined": ("unclaimed.newcomer@example.com", {"country": "FR"}),
    "under-review": ("held.review@example.com", {"country": "BR"}),
}
# Customer, amount, currency, method (none: as the routes say), reference, description.
PAID = (
    ("katherine-johnson", 412.5, "USD", None, "INV-2041", "Trajectory review, March"),
    ("annie-easley", 96.4, "USD", None, "INV-2042", "Code review, 2 hours"),
    ("mary-jackson", 720, "USD", None, "INV-2043", "Wind tunnel, week 12"),
    ("joan-clarke", 310.25, "GBP", None, "INV-2044", "Translation"),
    ("hedy-lamarr", 188, "EUR", None, "INV-2045", "Radio plan"),
    ("emmy-noether", 55.1, "EUR", None, "INV-2046", "Lecture"),
    ("katherine-johnson", 75, "USD", None, "INV-2047", "Travel"),
    ("katherine-johnson", 260, "USD", "stripe", "INV-2048", "Orbits, week 12"),
    ("mary-jackson", 48.9, "USD", None, "INV-2049", "Books"),
)
TROUBLED = {
    "failing-account": ("failed", 64.0, "INV-2050"),
    "returned-mail": ("returned", 142.0, "INV-2051"),
    "not-yet-joined": ("unclaimed", 90.0, "INV-2052"),
    "under-review": ("submitted", 33.0, "INV-2053"),
}
PAYROLL = "customer_id,email,amount,currency,reference,description\n" + "".join(
    f"{name},{CUSTOMERS[name][0]},{200 + 7 * n}.50,{currency},PAY-{n:03},March payroll\n"
    for n, (name, currency) in enumerate(
        [(name, "USD") for name in list(CUSTOMERS)[:3]] * 4
        + [("joan-clarke", "GBP"), ("hedy-lamarr", "EUR"), ("emmy-noether", "EUR")] * 2
    )
)
WRONG_ROWS = (
    "emmy-noether,somebody.else@example.com,80.00,EUR,PAY-900,\nnobody,,12.345,USD,PAY-901,\n"
)


@dataclass(frozen=True)
class Demo:
    """The service, and a key of each client."""

    service: Service
    folder: Path
    keys: Mapping[str, str]

    @property
    def url(self) -> str:
        return self.service.url

    def call(
        self, method: str, path: str, body: object = None, by: str = "payroll", **headers: str
    ) -> Any:
        """Call the API; return the body of an answer that is no error."""
        sent = {"Authorization": f"Bearer {self.keys[by]}", **headers}
        status, answer = self.service.call(method, f"/v1/api{path}", body, sent)
        assert status < 400, answer
        return answer

    def pay(self, customer: str, amount: float, currency: str = "USD", **members: Any) -> Any:
        email = CUSTOMERS[customer][0]
        body = {"customer_id": customer, "email": email, "amount": amount, "currency": currency}
        return self.call("POST", "/payment", {**body, **members})

    def act(self, payment: Any, action: str, by: str = "Grace Hopper", **body: str) -> Any:
        path = f"/payment/{payment['customer_id']}/{payment['payment_id']}/{action}"
        return self.call("POST", path, body, by)

    def send_file(self, text: str, **query: str) -> Any:
        """Send payments as a file; return the run."""
        import requests

        headers = {"Authorization": f"Bearer {self.keys['payroll']}", "Content-Type": "text/csv"}
        headers["Idempotency-Key"] = f"file-{hash((text, *query.items()))}"
        url = f"{self.url}/v1/api/bulk"
        answer = requests.post(url, text.encode(), headers=headers, params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so. Raises AssertionError after SECONDS."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def _make_keys(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    made = {}
    whole = {**clean_environ(), **environ}
    for name, scopes in SCOPES.items():
        options = [option for scope in scopes for option in ("--scope", scope)]
        command = [sys.executable, "-m", "paymentapp", "keys", "create", name, *options]
        done = subprocess.run(
            command, cwd=folder, env=whole, capture_output=True, text=True, check=True
        )
        made[name] = done.stdout.strip()
    return made


def _register(demo: Demo) -> None:
    for customer, (email, attributes) in CUSTOMERS.items():
        demo.call("POST", "/customer", {"customer_id": customer, "email": email, **attributes})
    methods = "/customer/katherine-johnson/payment-methods"
    demo.call("PUT", f"{methods}/stripe", {"details": {"account": "acct_simok0001"}})


def _request(demo: Demo) -> list[Any]:
    """Request what is paid or goes wrong. Return the payments and the status each will have."""
    wanted = []
    for customer, amount, currency, method, reference, description in PAID:
        members = {"reference": reference, "description": description}
        members |= {"payment_method": method} if method else {}
        wanted.append((demo.pay(customer, amount, currency, **members), "succeeded"))
    for customer, (status, amount, reference) in TROUBLED.items():
        wanted.append((demo.pay(customer, amount, reference=reference), status))
    return wanted


def _leave_open(demo: Demo) -> None:
    """Leave payments that wait: for approvals, a hold, a time; and some that people ended."""
    for customer, amount, currency in (
        ("katherine-johnson", 2500, "USD"),
        ("emmy-noether", 1800, "EUR"),
        ("mary-jackson", 1250.75, "USD"),
    ):
        demo.pay(customer, amount, currency, description="Bonus", reference=f"BON-{amount}")
    refused = demo.pay("joan-clarke", 8000, "USD", reference="BON-8000")
    demo.act(refused, "reject", "Ada Lovelace", reason="Not in the budget of March")
    demo.call(
        "POST",
        "/holds",
        {"scope": "customer", "value": "hedy-lamarr", "reason": "Asked to wait: new bank"},
        "Grace Hopper",
    )
    demo.pay("hedy-lamarr", 230, "EUR", reference="INV-2054")
    later = (datetime.now(UTC) + timedelta(days=4)).strftime("%Y-%m-%dT09:00:00Z")
    demo.pay("annie-easley", 96.4, scheduled_at=later, reference="INV-2055")
    cancelled = demo.pay("mary-jackson", 15, scheduled_at=later, reference="INV-2056")
    demo.act(cancelled, "cancel", "payroll")


def _fill(demo: Demo) -> None:
    _register(demo)
    demo.call(
        "POST",
        "/webhook-endpoints",
        {"url": "http://127.0.0.1:9/events", "description": "The ledger (down)"},
        "Grace Hopper",
    )
    wanted = _request(demo)
    run = demo.send_file(PAYROLL + WRONG_ROWS, mode="each")
    _leave_open(demo)

    def status(payment: Any) -> str:
        path = f"/payment/{payment['customer_id']}/{payment['payment_id']}"
        return str(demo.call("GET", path)["status"])

    until(
        lambda: all(status(payment) == expected for payment, expected in wanted),
        "a payment has not got its status",
    )
    path = f"/bulk/{run['bulk_id']}"
    until(lambda: demo.call("GET", path)["status"] == "completed", "the run is not completed")


@contextmanager
def running_demo(folder: Path, **environ: str) -> Iterator[Demo]:
    """Start the service, fill it, and stop it."""
    with running_service(folder, "run --dev --live", **SETTINGS, **environ) as service:
        demo = Demo(service, folder, _make_keys(folder, environ))
        _fill(demo)
        yield demo
