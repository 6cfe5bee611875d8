"""The headers of a response are those that werkzeug would send."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Response
from werkzeug.test import create_environ

from paymentapp.api.responses import ApiResponse

CASES: list[dict[str, Any]] = [
    {"response": "{}", "status": 202, "headers": {"Location": "/v1/api/payment/ada/2026:01"}},
    {"response": "{}", "status": 201, "headers": {"Location": "/ünder/a b"}},
    {"response": ["a", "bc"], "status": 200, "headers": {"Content-Location": "/é"}},
    {"response": "{}", "status": 200, "headers": {"Content-Length": "2"}},
    {"response": "", "status": 204},
    {"response": "", "status": 304, "headers": {"ETag": '"1"'}},
    {"response": "{}", "status": 422},
    {"response": iter([b"a"]), "status": 200},
]


@pytest.mark.parametrize("case", CASES)
def test_the_headers_are_those_of_werkzeug(case: dict[str, Any]) -> None:
    environ = create_environ()
    sent = ApiResponse(**case).get_wsgi_headers(environ)
    assert list(sent) == list(Response(**case).get_wsgi_headers(environ))


def test_the_length_is_not_added_twice() -> None:
    response = ApiResponse("{}", 200)
    first = list(response.get_wsgi_headers(create_environ()))
    assert list(response.get_wsgi_headers(create_environ())) == first
