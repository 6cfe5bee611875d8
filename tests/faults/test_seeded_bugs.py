"""Seeded bugs: the simulation finds each of them."""

from __future__ import annotations

import pytest

from tests.faults.seeded_bugs import BUGS, Bug
from tests.faults.simulation.run import Result, run_world

pytestmark = pytest.mark.slow

PAYMENTS = {
    "paypal": 200,
    "ach": 40,
    "stripe": 40,
    "global": 40,
    "openach": 40,
    "armed": 40,
    "routes": 40,
    "webhooks": 40,
    "bulk": 20,
}
WORLDS = 150  # at most, for each engine; the rarest of these bugs shows in every fortieth


# Bugs that this engine has to show by itself: it recognises its own writes, as DynamoDB does, and
# checks, counts and accepts in one transaction, as SQLite does.
ON_POSTGRESQL = (
    "an own lost write not recognised",
    "a count apart from its payment",
    "a row refused without its key",
    "outcomes that count without a condition",
)


def hunt(bug: Bug, engines: tuple[str, ...]) -> Result | None:
    """Return the first world that violates a guarantee which the bug is expected to violate."""
    with bug.put_in():
        for seed in range(bug.first_seed, bug.first_seed + WORLDS):
            for engine in engines:
                result = run_world(seed, engine, PAYMENTS[bug.scene], bug.parts, scene=bug.scene)
                if bug.checks & {failure.check for failure in result.failures}:
                    return result
    return None


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_caught(bug: Bug) -> None:
    is_caught(bug, bug.engines)


@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS if bug.name in ON_POSTGRESQL], ids=lambda bug: bug.name
)
def test_a_seeded_bug_is_caught_on_postgresql(bug: Bug) -> None:
    is_caught(bug, ("postgresql",))


def is_caught(bug: Bug, engines: tuple[str, ...]) -> None:
    """Check that the first world which sees the bug sees nothing without it."""
    caught = hunt(bug, engines)
    assert caught is not None, f"{bug.name}: no world of {WORLDS} saw it"
    checks = {failure.check for failure in caught.failures}
    print(f"{bug.name}: seed {caught.seed}, {caught.engine}: {sorted(checks)}")
    payments = PAYMENTS[bug.scene]
    sound = run_world(caught.seed, caught.engine, payments, scene=bug.scene)
    assert not sound.failures, sound.report
