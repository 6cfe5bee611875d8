"""A customer is erased by the service that `make run` starts, and no file has a byte of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support import postgresql
from tests.support.service import Service, run, running_service

SECRETS = (
    *("ada.first@", "ada.second@", "fail.ada@", "ada.payee@"),
    *("Attribute", "Reference", "Description", "Metadata", "Reason"),
)


def settled(service: Service, name: str, payment_id: str) -> dict[str, object]:
    end = time.monotonic() + 40
    while True:
        _, payment = service.call("GET", f"/v1/api/payment/{name}/{payment_id}")
        if payment["status"] in {"succeeded", "failed", "cancelled"}:
            found: dict[str, object] = payment
            return found
        assert time.monotonic() < end, service.output()
        time.sleep(0.2)


def live(service: Service, name: str, email: str) -> None:
    """Have personal data of a customer written wherever the API writes any."""
    customer = f"/v1/api/customer/{name}"
    person = {"customer_id": name, "email": f"ada.first@{name}.example"}
    assert service.call("POST", "/v1/api/customer", {**person, "nick": "Attribute"})[0] == 201
    changed = service.call("PATCH", customer, {"email": email}, {"If-Match": "*"})
    assert changed[0] == 200
    order = {
        "customer_id": name,
        "email": email,
        "amount": 3,
        "currency": "USD",
        "reference": "Reference",
        "description": "Description",
        "payment_method": "paypal",
        "metadata": {"who": "Metadata"},
    }
    _, paid = service.call("POST", "/v1/api/payment", order)
    settled(service, name, paid["payment_id"])
    details = {"details": {"email": "ada.payee@example.org"}}
    assert service.call("PUT", f"{customer}/payment-methods/paypal", details)[0] == 201
    _, paid = service.call("POST", "/v1/api/payment", {**order, "amount": 4})
    settled(service, name, paid["payment_id"])
    later = {**order, "amount": 5, "scheduled_at": "2027-01-01T00:00:00Z"}
    _, kept = service.call("POST", "/v1/api/payment", later)
    path = f"/v1/api/payment/{name}/{kept['payment_id']}"
    assert service.call("POST", f"{path}/hold", {"reason": "Reason"})[0] == 200
    assert service.call("DELETE", customer)[0] == 409
    assert service.call("POST", f"{path}/cancel")[0] == 200


def test_no_file_has_a_byte_of_an_erased_customer(tmp_path: Path) -> None:
    environ = {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/store/kept.db"}
    erase_two(
        tmp_path, environ, lambda: b"".join(p.read_bytes() for p in (tmp_path / "store").iterdir())
    )


def test_no_row_of_postgresql_has_a_byte_of_an_erased_customer(
    tmp_path: Path, postgresql_environ: dict[str, str]
) -> None:
    url = postgresql_environ["PAYMENTAPP_STORE"]
    tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
    tables += "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"

    def content() -> bytes:
        names = [name for (name,) in postgresql.run(url, tables)]
        rows = [postgresql.run(url, f"TABLE {name}") for name in names]
        return repr(rows).encode()

    erase_two(tmp_path, postgresql_environ, content)


def erase_two(tmp_path: Path, environ: dict[str, str], content: Callable[[], bytes]) -> None:
    """Erase two customers; `content` returns whatever the store has of anybody."""
    names = {"ada": "ada.second@example.org", "eve": "fail.ada@example.org"}

    def left() -> list[str]:
        found = content()
        return [text for text in SECRETS if text.encode() in found]

    with running_service(tmp_path, **environ) as service:
        for name, email in names.items():
            live(service, name, email)
        assert set(left()) == set(SECRETS)
        assert service.call("DELETE", "/v1/api/customer/ada")[0] == 204
        for name in names:  # one over HTTP first, one by the command alone
            command = ("customers", "erase", name, "--yes", "--no-wait", "--by", "Grace")
            run(sys.executable, "-m", "paymentapp", *command, environ=environ)
        assert left() == []
        _, payments = service.call("GET", "/v1/api/payment")
        assert {each["email"] for each in payments["payments"]} == {None}
    assert left() == []
    run(sys.executable, "-m", "paymentapp", "audit", "verify", environ=environ)
