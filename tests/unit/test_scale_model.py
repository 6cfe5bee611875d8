"""The model of the service at scale: what it counts, and that it sees what it is there to see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.scale import report
from bench.scale.capacity import Capacity, key_kind
from bench.scale.expressions import holds, parse_statement, parse_update, updated
from bench.scale.model import Model, Scale
from bench.scale.tables import entry_of

SMALL = Scale("small", rate=10, minutes=2, processes=2, customers=50, sample_seconds=20)


@pytest.fixture(scope="module")
def small() -> Model:
    """Return a run that tests only read."""
    return Model(SMALL).run()


def test_every_payment_is_settled_or_waits(small: Model) -> None:
    measures = small.measures
    assert measures.accepted > 1_000
    assert measures.settled > 300
    assert measures.accepted == measures.settled + measures.waiting
    assert small.stored_states().total() == measures.accepted
    assert small.problems() == []


def test_a_lost_payment_is_noticed() -> None:
    model = Model(replace(SMALL, minutes=0.1)).run()
    table = model.dynamodb.tables["Disbursements"]
    item = next(entry.item() for entry in table.all())
    table.put(table.key_of(item), None)
    assert model.problems()[0] == "1 payments accepted and not stored"


def test_an_item_that_is_paid_twice_is_noticed() -> None:
    model = Model(replace(SMALL, minutes=0.1)).run()
    model.paypal.paid.update([next(iter(model.paypal.paid))])
    assert model.problems() == ["1 items that PayPal has twice"]


def test_the_same_seed_gives_the_same_results(tmp_path: Path) -> None:
    texts = []
    for number in range(2):
        path = tmp_path / f"{number}.md"
        report.write([Model(replace(SMALL, minutes=0.3)).run()], path)
        texts.append(path.read_text())
    assert texts[0] == texts[1]
    report.write([Model(replace(SMALL, minutes=0.3, seed=2)).run()], path)
    assert path.read_text() != texts[0]


def test_a_customer_who_gets_everything_is_a_hot_partition() -> None:
    """A payment is written four times under its customer's key."""
    scale = replace(SMALL, minutes=0.5, hot_share=1.0, partition_writes=20)
    model = Model(scale).run()
    throttled = {key for table, key in model.dynamodb.writes.throttled if table == "Disbursements"}
    assert throttled == {"customer-000000"}
    assert model.dynamodb.writes.hottest(1)[0].key == "customer-000000"
    assert model.measures.refused > 0
    assert model.problems() == []


def test_nothing_is_throttled_where_there_is_room(small: Model) -> None:
    assert small.dynamodb.writes.throttled.total() == 0
    assert small.measures.refused == 0


def test_paypals_limit_is_kept_and_no_payment_waits_for_polls(small: Model) -> None:
    """Each batch is polled: without a limit of polls, 1,660 calls in two minutes of 400 each."""
    assert small.paypal.limited.total() == 0
    assert small.paypal.calls.total() < 2 * 350
    assert small.measures.submit_times.percentile(0.99) < 10


def test_the_results_name_the_limit_that_is_reached_first(small: Model, tmp_path: Path) -> None:
    report.write([small], tmp_path / "SCALE.md")
    text = (tmp_path / "SCALE.md").read_text()
    assert "## small" in text
    assert "PayPal's calls a minute" in report.limits(small)[0].what
    assert "| lost, double, unknown | none |" in text


def test_other_sections_stay_when_one_size_is_run_again(small: Model, tmp_path: Path) -> None:
    path = tmp_path / "SCALE.md"
    report.write([small], path)
    first = path.read_text()
    small_again = Model(replace(SMALL, minutes=0.1, name="other")).run()
    report.write([small_again], path)
    assert path.read_text().startswith(first)
    report.write([small], path)
    assert path.read_text().startswith(first)


def test_a_partition_takes_so_many_units_a_second() -> None:
    capacity = Capacity(partition_limit=10, table_limit=15)
    assert capacity.refuse(0, [("t", "a", 10)]) is None
    assert capacity.refuse(0, [("t", "b", 1), ("t", "a", 1)]) == ("t", "a")
    assert capacity.refuse(0, [("t", "b", 6)]) == ("t", "(the whole table)")
    assert capacity.refuse(0, [("t", "b", 5)]) is None
    assert capacity.refuse(1, [("t", "a", 10)]) is None


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("attribute_not_exists(pk)", False),
        ("attribute_exists(#key) AND attribute_not_exists(revision)", True),
        ("attribute_not_exists(pk) OR #owner = :me OR #until <= :now", True),
        ("attribute_not_exists(used) OR used <= :room", False),
        ("attribute_not_exists(pk) OR (owner = :other AND owner IN (:me, :other))", False),
        ("owner = :me AND owner IN (:other, :me)", True),
        ("attribute_exists(steps.#step)", True),
        ("missing = :me", False),
    ],
)
def test_conditions_are_understood(condition: str, result: bool) -> None:
    item = {
        "pk": {"S": "lease"},
        "owner": {"S": "me"},
        "until": {"S": "2"},
        "used": {"N": "5"},
        "steps": {"M": {"1": {"N": "1"}}},
    }
    names = {"#key": "pk", "#owner": "owner", "#until": "until", "#step": "1"}
    values = {":me": {"S": "me"}, ":other": {"S": "other"}, ":now": {"S": "1"}, ":room": {"N": "4"}}
    assert holds(condition, item, names, values) is result


def test_what_is_not_understood_is_an_error() -> None:
    with pytest.raises(ValueError, match="not understood"):
        parse_statement('DELETE FROM "Disbursements"')
    with pytest.raises(ValueError, match="not understood"):
        holds("used = :a used", {}, {}, {})


def test_an_update_sets_removes_and_adds() -> None:
    update = parse_update("SET #a = :a, b = :b REMOVE c ADD used :more")
    values = {":a": {"S": "1"}, ":b": {"S": "2"}, ":more": {"N": "2.5"}}
    new = updated({"c": {"S": "3"}, "used": {"N": "1"}}, update, {"#a": "a"}, values)
    assert new == {"a": {"S": "1"}, "b": {"S": "2"}, "used": {"N": "3.5"}}


def test_an_item_is_stored_as_it_is() -> None:
    item = {"pk": {"S": "é"}, "list": {"L": [{"NULL": True}, {"M": {"n": {"N": "1"}}}]}}
    assert entry_of(item).item() == item


def test_keys_of_one_kind_are_one_row() -> None:
    assert key_kind("batch#20260301T120000-ab12") == "batch#…"
    assert key_kind("customer-000017") == key_kind("customer-000018")
    assert key_kind("payments#3") == "payments#3"
