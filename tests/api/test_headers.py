"""Request headers: those with one value are refused twice, and none is slow to read."""

from __future__ import annotations

import time

import pytest

from tests.api.conftest import ORDER, Bench, problem

PATH = "/v1/api/payment"
BLANKS = " " * 8000


def at_fault(response: object) -> list[str]:
    errors = problem(response, 400, "invalid-request")["errors"]  # type: ignore[arg-type]
    return [error["header"] for error in errors]


@pytest.mark.parametrize("values", [("a", "b"), ("a", "a"), ('"a"', '"a"'), ("a", '"b"')])
def test_two_idempotency_keys_are_refused(paying: Bench, values: tuple[str, str]) -> None:
    lines = [("Idempotency-Key", value) for value in values]
    response = paying.client.post(PATH, json=ORDER, headers=lines)
    assert at_fault(response) == ["Idempotency-Key"]
    assert not paying.worker.woken


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Authorization", ("Bearer {}", "Bearer {}")),
        ("Authorization", ("Bearer {}", "Basic eDp5")),
        ("Authorization", ("Basic eDp5", "bearer {}")),
        ("X-API-Key", ("{}", "{}")),
        ("X-API-Key", ("{}", "x")),
        ("If-Match", ('"1"', '"2"')),
        ("Content-Type", ("application/json, text/plain",)),
        ("Content-Type", ('application/json;x="a"', "application/json")),
    ],
)
def test_a_header_of_one_value_is_refused_twice(
    paying: Bench, name: str, values: tuple[str, ...]
) -> None:
    value = ",".join(values).format(paying.token, paying.token)
    variable = name.upper().replace("-", "_")
    environ = {f"HTTP_{variable}": value}
    if name == "Content-Type":
        environ = {variable: value}
    response = paying.client.post(PATH, json=ORDER, environ_overrides=environ)
    assert at_fault(response) == [name]
    assert paying.token not in response.get_data(as_text=True)


@pytest.mark.parametrize("name", ["CONTENT_TYPE", "CONTENT_LENGTH"])
def test_a_server_may_keep_both_lines_beside_the_one_it_took(paying: Bench, name: str) -> None:
    """As the adapter of API Gateway's events does."""
    both = {"CONTENT_TYPE": "application/json,text/plain", "CONTENT_LENGTH": "5,7"}[name]
    response = paying.client.post(PATH, json=ORDER, environ_overrides={f"HTTP_{name}": both})
    assert at_fault(response) == [name.title().replace("_", "-")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("If-Match", '"a,b"'),
        ("If-Match", '"a\\",b"'),
        ("Content-Type", 'application/json; note="a,b"'),
        ("Accept", "application/json, text/plain"),
        ("Prefer", "respond-async, wait=0"),
    ],
)
def test_a_comma_inside_quotes_and_a_list_are_one_value(
    paying: Bench, name: str, value: str
) -> None:
    assert paying.client.post(PATH, json=ORDER, headers={name: value}).status_code == 202


def test_parameters_of_another_scheme_are_no_second_value(paying: Bench) -> None:
    digest = {"HTTP_AUTHORIZATION": 'Digest username="x", realm="Bearer y", uri="/"'}
    response = paying.client.post(PATH, json=ORDER, environ_overrides=digest)
    problem(response, 401, "unauthorized")


def test_a_webhook_is_not_refused_for_its_headers(paying: Bench) -> None:
    twice = {"HTTP_X_API_KEY": "a,b"}
    response = paying.client.post("/webhooks/nobody", data="{}", environ_overrides=twice)
    problem(response, 404, "not-found")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip", "gzip,gzip", "x"])
def test_a_compressed_body_is_refused_as_such(paying: Bench, coding: str) -> None:
    response = paying.client.post(PATH, json=ORDER, headers={"Content-Encoding": coding})
    assert "Content-Encoding" in problem(response, 415, "media-type")["detail"]
    assert response.headers["Accept-Encoding"] == "identity"


def test_a_body_whose_coding_is_none_is_taken(paying: Bench) -> None:
    response = paying.client.post(PATH, json=ORDER, headers={"Content-Encoding": "identity"})
    assert response.status_code == 202


@pytest.mark.parametrize(
    "name",
    [
        *("Prefer", "Authorization", "X-API-Key", "Idempotency-Key", "If-Match", "Host"),
        *("Content-Type", "Content-Encoding", "Content-Length", "Accept", "Forwarded"),
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        *(BLANKS, f"a{BLANKS}b", f"wait{BLANKS}=5", f'"{BLANKS}', f'"a{"," * 8000}'),
        *('"' * 8000, ";" * 8000, "\\" * 8000, "a=b;" * 2000, "a," * 4000),
    ],
    ids=range(10),
)
def test_no_header_takes_long_to_read(paying: Bench, name: str, value: str) -> None:
    variable = name.upper().replace("-", "_")
    if not name.startswith("Content-") or name == "Content-Encoding":
        variable = f"HTTP_{variable}"
    paying.pay()  # what is done once is done
    taken = []
    for _ in range(3):
        begun = time.thread_time()
        paying.client.post(PATH, json=ORDER, environ_overrides={variable: value})
        taken.append(time.thread_time() - begun)
    begun = time.thread_time()
    paying.pay()
    assert min(taken) < 0.01 + time.thread_time() - begun
