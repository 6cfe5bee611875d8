"""The OpenAPI document is complete, and its page loads nothing from other hosts."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from paymentapp.api.problems import KINDS
from paymentapp.providers.registry import NAMES, provider_class
from tests.api.conftest import Bench
from tests.support.service import ROOT

Operation = dict[str, Any]
SPECTRAL = ROOT / ".tools/openapi/node_modules/.bin/spectral"
RULES = ROOT / "tests/clients/spectral.yaml"


@pytest.fixture
def document(bench: Bench) -> dict[str, Any]:
    response = bench.caller(None).get("/openapi.json")
    assert response.status_code == 200
    assert response.content_type == "application/json"
    body: dict[str, Any] = response.get_json()
    return body


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


def resolved(document: dict[str, Any], thing: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in thing:
        node: Any = document
        for name in thing["$ref"].removeprefix("#/").split("/"):
            node = node[name]
        thing = node
    return thing


def test_it_says_what_it_is(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"]
    assert document["info"]["version"]
    assert document["info"]["description"]
    assert document["servers"]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key"}


def test_it_has_every_route_and_no_other(bench: Bench, document: dict[str, Any]) -> None:
    documented = {(path, method) for path, method, _ in operations(document)}
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in bench.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if not rule.endpoint.startswith(("docs.", "metrics."))  # metrics: not for callers
    }
    assert documented == routes


def test_every_operation_is_told_in_full(document: dict[str, Any]) -> None:
    names = set()
    for path, method, operation in operations(document):
        names.add(operation["operationId"])
        assert operation["summary"].endswith("."), path
        expected = {"500"}
        if path.startswith("/v1"):
            expected |= {"401", "403", "503"}
        if "{" in path or (path.endswith("/payment") and method == "post"):
            expected.add("404")
        if "requestBody" in operation:
            expected |= {"400", "413", "415"}
            if not path.endswith(("/hold", "/approve", "/reject")):  # only a text in the body
                expected.add("422")
        if operation.get("parameters"):
            expected.add("400")
        if (
            path.endswith(("/customer", "/cancel", "/retry", "/approve", "/reject"))
            and method == "post"
        ):
            expected.add("409")
        assert expected <= set(operation["responses"]), path
        assert (operation["security"] != []) == path.startswith("/v1"), path
        for parameter in operation.get("parameters", []):
            assert parameter["description"], parameter
    assert len(names) == 51


def test_every_error_is_a_problem_with_examples(document: dict[str, Any]) -> None:
    types = set()
    for path, _, operation in operations(document):
        for status, reference in operation["responses"].items():
            if int(status) < 400 or path in {"/healthz", "/readyz"}:
                continue
            response = resolved(document, reference)
            content = response["content"]["application/problem+json"]
            assert set(response["content"]) == {"application/problem+json"}
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            for example in content["examples"].values():
                assert example["value"]["status"] == int(status)
                types.add(example["value"]["type"])
    assert types == {kind.type for kind in KINDS if kind.status != 405}


def test_every_example_fits_its_model(document: dict[str, Any]) -> None:
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry: Any = Registry().with_resource("urn:document", resource)
    checked = 0
    for path, method, operation in operations(document):
        contents = [
            content
            for response in operation["responses"].values()
            for content in resolved(document, response).get("content", {}).values()
        ]
        if "requestBody" in operation:
            contents += operation["requestBody"]["content"].values()
        for content in contents:
            schema = content["schema"]
            reference = schema
            if "$ref" in schema:  # else a text of another media type
                reference = {"$ref": "urn:document" + schema["$ref"]}
            named = content.get("examples", {}).values()
            examples = [resolved(document, example)["value"] for example in named]
            for example in [*examples, *([content["example"]] if "example" in content else [])]:
                Draft202012Validator(reference, registry=registry).validate(_plain(example))
                checked += 1
            assert "example" in content or examples, (path, method)
    assert checked > 20


def _plain(value: Any) -> Any:
    """Convert Decimals to numbers that a validator knows."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return float(value) if type(value).__name__ == "Decimal" else value


def test_it_has_what_the_service_posts(document: dict[str, Any]) -> None:
    operation = document["webhooks"]["event"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry: Any = Registry().with_resource("urn:document", resource)
    reference = {"$ref": "urn:document" + content["schema"]["$ref"]}
    assert set(content["examples"]) == {"payment.succeeded", "batch.parked", "provider.failing"}
    for example in content["examples"].values():
        Draft202012Validator(reference, registry=registry).validate(_plain(example["value"]))
    assert [each["name"] for each in operation["parameters"]] == [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ]


def test_it_is_a_valid_document(document: dict[str, Any]) -> None:
    errors = OpenAPIV31SpecValidator(_plain(document)).iter_errors()
    assert [f"{list(error.absolute_path)}: {error.message}" for error in errors] == []


@pytest.mark.skipif(
    not SPECTRAL.exists() and "CI" not in os.environ,
    reason="Spectral is not installed: `make check` does it, with npm",
)
def test_it_follows_the_rules_of_spectral(document: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(_plain(document)))
    options = ["--fail-severity=hint", "--ruleset", str(RULES), str(file)]
    run = subprocess.run(
        [str(SPECTRAL), "lint", *options], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_member_has_a_type(document: dict[str, Any]) -> None:
    """What has none becomes `Any` in generated clients."""
    parts = {"type", "$ref", "anyOf"}
    for name, model in document["components"]["schemas"].items():
        for member, schema in model.get("properties", {}).items():
            assert parts & set(schema), f"{name}.{member}"
            assert all(parts & set(part) for part in schema.get("anyOf", [])), f"{name}.{member}"


def test_every_parameter_has_a_type(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            assert "type" in schema or all("type" in part for part in schema["anyOf"]), path


def test_the_bounds_of_a_listing_are_times(document: dict[str, Any]) -> None:
    listing = document["paths"]["/v1/api/payment/{customer_id}"]["get"]
    bounds = [each["schema"] for each in listing["parameters"] if each["name"] in ("from", "to")]
    time, day = ({"type": "string", "format": name} for name in ("date-time", "date"))
    assert bounds == [{"anyOf": [time, day]}] * 2


def test_trying_it_out_sends_no_constant_key(document: dict[str, Any]) -> None:
    """Swagger UI fills in a parameter's example: the second request would be the first again."""
    keys = [
        parameter
        for _, _, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "Idempotency-Key"
    ]
    filled_in = {"example", "examples", "default", "const", "enum"}
    assert len(keys) == 4
    assert not any(filled_in & {*key, *key["schema"]} for key in keys)


@pytest.mark.parametrize("name", NAMES)
def test_what_each_method_requires_is_described(document: dict[str, Any], name: str) -> None:
    wanted = {detail.name: detail for detail in provider_class(name).details}
    model = document["components"]["schemas"][f"{name.capitalize()}Details"]
    assert set(model["properties"]) == set(wanted)
    assert set(model["required"]) == {each for each in wanted if wanted[each].required}
    assert all(
        schema["description"] == wanted[each].description
        for each, schema in model["properties"].items()
    )
    reference = {"$ref": f"#/components/schemas/{name.capitalize()}Details"}
    assert (
        reference
        in document["components"]["schemas"]["NewMethod"]["properties"]["details"]["anyOf"]
    )


def test_an_amount_in_an_example_is_exact(bench: Bench) -> None:
    assert b'"amount":10.1,' in bench.client.get("/openapi.json").data


def test_links_lead_to_operations(document: dict[str, Any]) -> None:
    names = {operation["operationId"] for _, _, operation in operations(document)}
    links = [
        link["operationId"]
        for _, _, operation in operations(document)
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert set(links) <= names
    assert {"request_payment", "get_payment", "cancel_payment"} <= set(links)


def test_the_page_is_served_from_here_alone(bench: Bench) -> None:
    client = bench.caller(None)
    page = client.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.get_data(as_text=True))
    assert len(addresses) == 4
    for address in addresses:
        assert "//" not in address
        asset = client.get(f"/{address}")
        assert asset.status_code == 200
        assert asset.data
    assert "openapi.json" in client.get("/docs/start.js").get_data(as_text=True)


@pytest.mark.parametrize("name", ["index.html", "__init__.py", "..%2f__init__.py", "LICENSE", ""])
def test_nothing_else_is_served_beside_the_page(bench: Bench, name: str) -> None:
    assert bench.caller(None).get(f"/docs/{name}").status_code == 404


def test_the_root_leads_to_the_page(bench: Bench) -> None:
    client = bench.caller(None)
    response = client.get("/")
    assert response.status_code == 302
    assert response.headers["Location"] == "docs"  # below a stage of an API gateway too
    assert "swagger-ui" in client.get("/", follow_redirects=True).text
