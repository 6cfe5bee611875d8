"""Requests in Stripe's format: forms with brackets, and the rules of each parameter.

https://docs.stripe.com/api (bodies are form-encoded), https://docs.stripe.com/api/metadata and
https://docs.stripe.com/api/pagination. What is refused here is refused before execution begins, so
that nothing is stored under an idempotency key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from flask import request

from simulators.stripe.currencies import DECIMALS, LARGEST, step
from simulators.stripe.errors import StripeError

Params = Mapping[str, Any]

MAX_TEXT = 5000
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_OPERATORS = {"gt": ">=", "gte": ">=", "lt": "<", "lte": "<"}


def read_form() -> dict[str, Any]:
    """Read the body's parameters; 400 for a body that is not a form."""
    if request.mimetype not in ("application/x-www-form-urlencoded", ""):
        message = (
            "Invalid request (check that your POST content type is "
            "application/x-www-form-urlencoded). If you have any questions, we can help at "
            "https://support.stripe.com/."
        )
        raise StripeError(400, message)
    return decode(request.get_data())


def read_query() -> dict[str, Any]:
    """Read the query's parameters."""
    return decode(request.query_string)


def decode(text: bytes) -> dict[str, Any]:
    """Decode ``a=1&b[c]=2&d[]=3`` to ``{"a": "1", "b": {"c": "2"}, "d": {"": "3"}}``."""
    params: dict[str, Any] = {}
    for name, value in parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True):
        found = _NAME.fullmatch(name)
        if found is None:
            raise _invalid(f"Invalid parameter name: {name}", name)
        path = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
        inner = params
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise _invalid("Invalid hash", name)
        if isinstance(inner.get(path[-1]), dict):
            raise _invalid("Invalid hash", name)
        inner[path[-1]] = value
    return params


def check_names(params: Params, known: Iterable[str], expandable: Iterable[str] = ()) -> None:
    """Refuse parameters and expansions that the endpoint does not have with 400."""
    for name in params:
        if name == "expand":
            refused = [each for each in expanded(params) if each not in expandable]
            if refused:
                raise _invalid(f"This property cannot be expanded ({refused[0]}).", None)
            continue
        if name not in known:
            message = f"Received unknown parameter: {name}"
            raise StripeError(400, message, code="parameter_unknown", param=name)


def expanded(params: Params) -> list[str]:
    """Return the properties to expand.

    https://docs.stripe.com/api/expanding_objects
    """
    wanted = params.get("expand", {})
    return list(wanted.values()) if isinstance(wanted, dict) else [wanted]


def text(params: Params, name: str, limit: int = MAX_TEXT) -> str | None:
    """Return a text; None where it is absent or empty."""
    value = params.get(name)
    if isinstance(value, dict):
        raise _invalid(f"Invalid string: {value}", name)
    if value is not None and len(value) > limit:
        message = f"Invalid string: {value[:20]}...; must be at most {limit} characters"
        raise _invalid(message, name)
    return value or None


def required(params: Params, name: str) -> str:
    """Return a text that must be present."""
    value = params.get(name)
    if value is None:
        raise StripeError(
            400, f"Missing required param: {name}.", code="parameter_missing", param=name
        )
    if value == "":
        message = (
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
            f"unset a parameter; however '{name}' cannot be unset. You should remove '{name}' from "
            "your request or supply a non-empty value."
        )
        raise StripeError(400, message, code="parameter_invalid_empty", param=name)
    return text(params, name) or ""


def choice(params: Params, name: str, choices: tuple[str, ...]) -> str:
    """Return one of a few texts; the first where it is absent."""
    value = text(params, name)
    if value is not None and value not in choices:
        listed = ", ".join(choices[:-1]) + f", or {choices[-1]}"
        raise _invalid(f"Invalid {name}: must be one of {listed}", name)
    return value or choices[0]


def currency(params: Params) -> str:
    """Return a currency in capitals; Stripe accepts either case."""
    code = required(params, "currency").upper()
    if code not in DECIMALS:
        listed = ", ".join(known.lower() for known in DECIMALS)
        message = (
            f"Invalid currency: {code.lower()}. Stripe currently supports these currencies: "
            f"{listed}"
        )
        raise _invalid(message, "currency")
    return code


def amount(params: Params, code: str, *, payout: bool = False) -> int:
    """Return an amount in the smallest unit, a multiple of what the currency requires."""
    value = integer(required(params, "amount"), "amount")
    if value > LARGEST:
        message = f"Amount must be no more than {LARGEST} in the smallest unit of {code.lower()}"
        raise StripeError(400, message, code="amount_too_large", param="amount")
    wanted = step(code, payout=payout)
    if value % wanted:
        message = f"Invalid amount: {code} amounts must be evenly divisible by {wanted}"
        raise _invalid(message + (" for payouts" if payout else ""), "amount")
    return value


def integer(value: str, name: str, low: int = 1, high: int | None = None) -> int:
    """Return a whole number within bounds."""
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        message = f"Invalid integer: {value}"
        raise StripeError(400, message, code="parameter_invalid_integer", param=name)
    number = int(value)
    beyond = high is not None and number > high
    if number < low or beyond:
        bound = f"less than or equal to {high}" if beyond else f"greater than or equal to {low}"
        message = f"This value must be {bound}."
        raise StripeError(400, message, code="parameter_invalid_integer", param=name)
    return number


def metadata(params: Params) -> dict[str, str]:
    """Return the metadata; an empty value is one to unset."""
    given = params.get("metadata") or {}
    if not isinstance(given, dict):
        raise _invalid("Invalid hash", "metadata")
    for key, value in given.items():
        if not isinstance(value, str):
            raise _invalid("Metadata values must be strings", f"metadata[{key}]")
        if len(key) > MAX_METADATA_KEY:
            message = (
                f"Metadata keys can have up to {MAX_METADATA_KEY} characters, but you passed in a "
                f"key that is {len(key)} characters. Invalid key: {key}"
            )
            raise _invalid(message, "metadata")
        if len(value) > MAX_METADATA_VALUE:
            message = (
                f"Metadata values can have up to {MAX_METADATA_VALUE} characters, but you passed "
                f"in a value that is {len(value)} characters. Invalid value: {value}"
            )
            raise _invalid(message, "metadata")
    check_count(given)
    return given


def check_count(kept: Params) -> None:
    """Refuse more metadata than an object may have, with 400."""
    if len(kept) > MAX_METADATA_KEYS:
        message = f"You can have up to {MAX_METADATA_KEYS} metadata keys, but passed {len(kept)}"
        raise _invalid(message, "metadata")


def time_bounds(params: Params, name: str) -> list[tuple[str, int]]:
    """Return the bounds that ``created`` or ``created[gte]`` set, as operators and microseconds.

    Stripe's times are whole seconds, so ``gt`` a second starts at the next one.
    """
    given = params.get(name)
    if given is None:
        return []
    if not isinstance(given, dict):
        moment = integer(given, name, low=0)
        return [(">=", moment * 1_000_000), ("<", (moment + 1) * 1_000_000)]
    bounds = []
    for operator, value in given.items():
        if operator not in _OPERATORS:
            unknown = f"{name}[{operator}]"
            message = f"Received unknown parameter: {unknown}"
            raise StripeError(400, message, code="parameter_unknown", param=unknown)
        moment = integer(value, f"{name}[{operator}]", low=0)
        moment += operator in ("gt", "lte")
        bounds.append((_OPERATORS[operator], moment * 1_000_000))
    return bounds


def _invalid(message: str, param: str | None) -> StripeError:
    return StripeError(400, message, param=param)
