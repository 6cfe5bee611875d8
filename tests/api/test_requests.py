"""Rules for every request: sizes, types, methods, and one format for all errors."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask_smorest.exceptions import NotModified
from werkzeug.exceptions import HTTPException, ImATeapot

from tests.api.conftest import ORDER, Bench, problem

PATH = "/v1/api/payment"
LIMIT = 64 * 1024


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/vnd.api+json",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
    ],
)
def test_only_json_is_taken(paying: Bench, content_type: str | None) -> None:
    response = paying.send(PATH, "{}", content_type=content_type)
    problem(response, 415, "media-type")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
def test_json_in_utf_8_is_taken(paying: Bench, content_type: str) -> None:
    text = paying.app.json.dumps(ORDER)
    assert paying.send(PATH, text, content_type=content_type).status_code == 202


def test_a_body_has_a_limit(paying: Bench) -> None:
    text = paying.app.json.dumps(ORDER)
    assert paying.send(PATH, text.ljust(LIMIT)).status_code == 202
    problem(paying.send(PATH, text.ljust(LIMIT + 1)), 413, "too-large")


def test_a_body_of_unknown_length_has_the_same_limit(paying: Bench) -> None:
    text = paying.app.json.dumps(ORDER).encode()
    for length, status in ((LIMIT, 202), (LIMIT + 1, 413)):
        response = paying.client.post(
            PATH,
            input_stream=io.BytesIO(text.ljust(length)),
            content_type="application/json",
            headers={"Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert response.status_code == status
    problem(response, 413, "too-large")


@pytest.mark.parametrize(
    "path", ["/v", "/v1", "/v1/api", f"{PATH}/", f"/{PATH}", "/v2/api/payment"]
)
def test_other_addresses_are_not_found(paying: Bench, path: str) -> None:
    problem(paying.client.post(path, json=ORDER), 404, "not-found")


def test_nothing_can_be_sent_to_the_root(paying: Bench) -> None:
    """It leads a reader to the documentation, and does nothing else."""
    problem(paying.client.post("/", json=ORDER), 405, "method-not-allowed")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_not_allowed(paying: Bench, method: str) -> None:
    response = paying.client.open(PATH, method=method)
    problem(response, 405, "method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_a_failing_store_is_told_and_nothing_of_it(paying: Bench) -> None:
    paying.client.get("/v1/api/customer/ada")  # the key is known from here on
    paying.store.down = True
    responses = [
        paying.pay(),
        paying.client.get(f"{PATH}/ada"),
        paying.client.post("/v1/api/customer", json={"customer_id": "b", "email": "b@example.com"}),
        paying.caller("pk_" + "0" * 16 + "_" + "x" * 43).get("/v1/api/customer/ada"),
    ]
    for response in responses:
        assert "secret-host" not in str(problem(response, 503, "unavailable"))
        assert int(response.headers["Retry-After"]) > 0


def test_an_error_of_ours_is_told_and_nothing_of_it(paying: Bench) -> None:
    def fail(_payment: object) -> None:
        raise RuntimeError("secret detail")

    paying.app.config["PROPAGATE_EXCEPTIONS"] = False
    paying.worker.on_wake = fail
    response = paying.pay()
    assert "secret" not in str(problem(response, 500, "internal-error"))
    assert "Traceback" not in response.get_data(as_text=True)


def test_an_error_that_no_kind_describes_is_a_problem_too(bench: Bench) -> None:
    handler: Any = bench.app.error_handler_spec[None][None][HTTPException]
    with bench.app.test_request_context():
        response = handler(ImATeapot())
    assert response.status_code == 418
    assert response.content_type == "application/problem+json"
    assert response.get_json()["type"] == "about:blank"


def test_an_answer_that_is_raised_and_is_no_error_is_no_problem(bench: Bench) -> None:
    handler: Any = bench.app.error_handler_spec[None][None][HTTPException]
    not_modified = NotModified()
    with bench.app.test_request_context():
        assert handler(not_modified) is not_modified


def test_errors_are_listed_up_to_a_limit(paying: Bench) -> None:
    names = {f"{'n' * 200}{i}/~": 1 for i in range(100)}
    errors = problem(paying.client.post(PATH, json={**ORDER, **names}), 400, "invalid-request")[
        "errors"
    ]
    assert len(errors) == 20
    assert max(len(error["pointer"]) for error in errors) <= 81


def test_answers_are_not_kept_by_caches(paying: Bench) -> None:
    for response in (paying.pay(), paying.client.get("/nowhere")):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
