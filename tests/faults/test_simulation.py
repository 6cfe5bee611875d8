"""A hundred thousand payments through every fault, checked against the providers' ledgers."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import pytest

from tests.faults.simulation import faults, openach
from tests.faults.simulation.run import PAYMENTS, Result, run_world
from tests.faults.simulation.world import ENGINES

pytestmark = pytest.mark.slow

WORLDS = 100  # for each engine, but for the one of SHARE
SHARE = 4  # one world in so many is PostgreSQL's: it fails as DynamoDB does, and less often
FIRST_SEED = 1
EVERY_FAULT = {
    *faults.READS,
    *faults.DYNAMODB_MANY,
    *faults.SUBMITS,
    *(faults.CRASH, faults.STALLED, faults.STALE, faults.ANSWER_LOST),
    *(faults.DOWN, faults.NO_FUNDS, faults.REFUSED),
}
# Of the other ways to pay: worlds for each engine (but see SHARE), payments in each, and what must
# have happened.
SCENES = {
    "ach": (40, 40),
    "stripe": (20, 40),
    "global": (20, 40),
    "openach": (12, 40),
    "armed": (8, 40),
    "routes": (30, 40),
    "webhooks": (40, 40),
    "bulk": (80, 20),
}
FOLDERS = {*faults.FOLDER_OPENS, *faults.UPLOADS, faults.DOWN, faults.CRASH, faults.STALLED}
CALLS = {*faults.POSTS, *faults.GETS, faults.DOWN, faults.CRASH, faults.STALLED}
OPENACH = {*openach.SAVES, *openach.READS, faults.DOWN, faults.CRASH, faults.STALLED}
RECEIVERS = {*faults.WEBHOOKS, faults.RECEIVER_DOWN, faults.RECEIVER_FORGETS, faults.STALLED}
FAULTS_OF = {
    "ach": FOLDERS,
    "stripe": CALLS,
    "global": CALLS,
    "openach": OPENACH,
    "armed": OPENACH,
    "routes": {faults.REFUSED, faults.NO_FUNDS},
    "webhooks": RECEIVERS,
    "bulk": {*faults.READS, *faults.DYNAMODB_WRITES, faults.CRASH, faults.STALLED},
}


def run_many(worlds: list[tuple[int, str]], **more: Any) -> list[Result]:
    """Run worlds on all processors."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        run = partial(run_world, **more)
        return list(pool.map(run, *zip(*worlds, strict=True), chunksize=5))


def worlds_of(count: int) -> list[tuple[int, str]]:
    """Return the seed and the engine of each world."""
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    return [
        (seed, engine)
        for seed in seeds
        for engine in ENGINES
        if engine != "postgresql" or not seed % SHARE
    ]


def test_a_hundred_thousand_payments_move_exactly_once() -> None:
    results = run_many(worlds_of(WORLDS))
    broken = [result for result in results if result.failures]
    assert not broken, "\n\n".join(result.report for result in broken[:3])
    assert sum(result.payments for result in results) >= 100_000
    counts = sum((result.faults for result in results), Counter())
    assert set(counts) >= EVERY_FAULT, f"never happened: {EVERY_FAULT - set(counts)}"
    for fault, count in counts.most_common():
        print(f"{count:9} {fault}")


@pytest.mark.parametrize("scene", SCENES)
def test_every_way_to_pay_moves_money_once(scene: str) -> None:
    worlds, payments = SCENES[scene]
    results = run_many(worlds_of(worlds), payments=payments, scene=scene)
    broken = [result for result in results if result.failures]
    assert not broken, "\n\n".join(result.report for result in broken[:3])
    counts = sum((result.faults for result in results), Counter())
    assert set(counts) >= FAULTS_OF[scene], f"never happened: {FAULTS_OF[scene] - set(counts)}"
    print(f"{scene}: {sum(result.payments for result in results)} payments")


@pytest.mark.parametrize("scene", ["paypal", *SCENES])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_new_world_every_time(engine: str, scene: str) -> None:
    seed = secrets.randbelow(10**9)
    print(f"seed {seed}")
    result = run_world(seed, engine, PAYMENTS if scene == "paypal" else 40, scene=scene)
    assert not result.failures, result.report


@pytest.mark.parametrize("scene", ["paypal", *SCENES])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_seed_makes_the_same_world(engine: str, scene: str) -> None:
    payments = 200 if scene == "paypal" else 40
    first, again, other = (
        run_world(seed, engine, payments, with_digest=True, scene=scene).digest
        for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_a_world_has_as_many_payments_as_it_says() -> None:
    result = run_world(3, "sqlite", PAYMENTS)
    assert result.payments == PAYMENTS
    assert not result.report
