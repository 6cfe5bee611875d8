"""`/metrics`: who may read it, and what it says of requests."""

from __future__ import annotations

from prometheus_client.mmap_dict import mmap_key
from prometheus_client.parser import text_string_to_metric_families

from paymentapp.config import Settings
from paymentapp.metrics.base import NO_METRICS, Metrics
from paymentapp.metrics.processes import ROOM
from paymentapp.metrics.prometheus import PrometheusMetrics
from paymentapp.metrics.providers import _ERRORS, _OUTCOMES
from paymentapp.models.payments import Status
from paymentapp.quotas import Quota
from paymentapp.storage.base import Store
from tests.api.conftest import Bench, problem

TOKEN = "a-token-of-the-scraper"


def measured(**settings: str) -> Bench:
    return Bench(Settings(metrics=True, **settings), metrics=PrometheusMetrics())  # type: ignore[arg-type]  # texts alone


def samples(bench: Bench, headers: dict[str, str] | None = None) -> dict[str, list[dict[str, str]]]:
    """Return the labels of each sample, by its name."""
    answer = bench.caller(None).get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(answer.get_data(as_text=True)):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


def test_without_metrics_the_route_says_how_to_get_them(bench: Bench) -> None:
    body = problem(bench.client.get("/metrics"), 404, "not-found")
    assert "paymentapp[metrics]" in body["detail"]
    assert "PAYMENTAPP_METRICS=on" in body["detail"]


def test_while_metrics_are_off_no_request_is_measured(bench: Bench) -> None:
    assert bench.services.metrics is NO_METRICS
    assert not any("metrics" in f.__module__ for f in bench.app.after_request_funcs[None])


def test_a_request_is_counted_by_its_rule_and_status() -> None:
    bench = measured()
    bench.add_customer()
    bench.client.get("/v1/api/customer/ada")
    bench.client.get("/v1/api/customer/grace")
    bench.client.get("/v1/nothing/ada@example.com")
    counted = samples(bench)["paymentapp_http_requests_total"]
    rule = "/v1/api/customer/{customer_id}"
    assert {"method": "GET", "route": rule, "status": "200"} in counted
    assert {"method": "GET", "route": rule, "status": "404"} in counted
    assert {"method": "GET", "route": "other", "status": "404"} in counted


def test_a_scraper_is_served_beside_an_attacker_of_the_same_address() -> None:
    settings = {"metrics_token": TOKEN, "rate_limit_addresses": Quota(2, 60)}
    bench = measured(**settings)  # type: ignore[arg-type]  # a quota is no text
    scraper, stranger = bench.caller(TOKEN), bench.caller(None)
    assert scraper.get("/metrics").status_code == 200
    assert bench.caller("wrong").get("/metrics").status_code == 401
    assert stranger.get("/metrics").status_code == 429
    assert scraper.get("/metrics").status_code == 200


def test_a_method_that_nobody_has_is_counted_as_another() -> None:
    bench = measured()
    bench.client.open("/v1/api/customer", method="ADA-LOVELACE")
    methods = {each["method"] for each in samples(bench)["paymentapp_http_requests_total"]}
    assert methods == {"other"}


def test_a_request_that_fails_is_counted_too() -> None:
    bench = measured()
    bench.store.ping = lambda: 1 / 0  # type: ignore[assignment]
    bench.client.get("/readyz")
    statuses = {each["status"] for each in samples(bench)["paymentapp_http_requests_total"]}
    assert statuses == {"500"}


def test_a_token_is_required_where_one_is_set() -> None:
    bench = measured(metrics_token=TOKEN)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = bench.caller(None).get("/metrics", headers=headers)
        assert "metrics token" in problem(answer, 401, "unauthorized")["detail"]
    samples(bench, {"Authorization": f"Bearer {TOKEN}"})


def test_with_a_token_other_machines_may_read_them() -> None:
    bench = measured(metrics_token=TOKEN)
    answer = bench.caller(None).get(
        "/metrics",
        headers={"Authorization": f"Bearer {TOKEN}"},
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    )
    assert answer.status_code == 200


def test_without_a_token_only_this_machine_may_read_them() -> None:
    bench = measured()
    away = {"REMOTE_ADDR": "192.0.2.7"}
    answer = bench.caller(None).get("/metrics", environ_base=away)
    assert "PAYMENTAPP_METRICS_TOKEN" in problem(answer, 403, "forbidden")["detail"]
    proxied = bench.caller(None).get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"})
    assert proxied.status_code == 403


def test_an_api_key_is_no_metrics_token() -> None:
    bench = measured(metrics_token=TOKEN)
    assert bench.client.get("/metrics").status_code == 401


def test_a_token_that_is_no_text_of_a_header_is_refused() -> None:
    bench = measured(metrics_token=TOKEN)
    answer = bench.caller(None).get("/metrics", headers={"Authorization": "Bearer \xe9"})
    assert answer.status_code == 401


def test_the_metrics_of_both_kinds_have_the_same_operations() -> None:
    kinds: list[Metrics] = [NO_METRICS, PrometheusMetrics()]
    assert [each.enabled for each in kinds] == [False, True]


def count_everything(metrics: PrometheusMetrics, bench: Bench) -> None:
    """Count each route with ten statuses, each call of the store, and each of three providers."""
    for rule in bench.app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            for status in range(400, 410):
                metrics.request_answered(method, rule.rule, status, 1)
    for name in dir(Store):
        for answer in ("ok", "unavailable"):
            metrics.store_called(name, answer, 1)
    for provider in ("paypal", "stripe", "another"):
        for each in Status:
            metrics.payment_moved(provider, each.value, 1)
        for operation in ("submit", "fetch", "cancel", "check"):
            for answer in {*_OUTCOMES.values(), *_ERRORS.values(), "ok"}:
                metrics.provider_called(provider, operation, answer, 1)


def test_a_process_reserves_enough_room_for_all_that_it_can_count() -> None:
    metrics = PrometheusMetrics()
    count_everything(metrics, measured())
    used = dict.fromkeys(ROOM, 8)
    for family in metrics._registry.collect():
        for sample in family.samples:
            labels = list(sample.labels), list(sample.labels.values())
            key = mmap_key(family.name, sample.name, *labels, family.documentation)
            kind = "gauge_livemax" if family.type == "gauge" else family.type
            used[kind] += len(key) + 4 + 8 + 16  # its length, padding, the value and its time
    assert {kind: size for kind, size in used.items() if size > 0.8 * ROOM[kind]} == {}
