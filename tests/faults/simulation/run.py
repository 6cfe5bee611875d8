"""Run one world by its seed, or many, and report those that violated a guarantee."""

from __future__ import annotations

import gc
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from random import Random
from types import SimpleNamespace
from typing import NamedTuple
from unittest import mock

from paymentapp.models.item_ids import item_id_of
from tests.faults.simulation.bulk import AT_ONCE, CHUNK
from tests.faults.simulation.findings import Failure
from tests.faults.simulation.world import Parts, World

PAYMENTS = 500  # in one world


class Result(NamedTuple):
    """The result of one world."""

    seed: int
    engine: str
    scene: str
    payments: int
    failures: list[Failure]
    faults: Counter[str]
    report: str  # empty where nothing failed
    digest: str  # empty where nobody asked


def run_world(
    seed: int,
    engine: str,
    payments: int = PAYMENTS,
    parts: Parts | None = None,
    with_digest: bool = False,
    scene: str = "paypal",
) -> Result:
    """Make a world, run it, check it."""
    with _seeded(seed), quietly():
        world = World(seed, payments, engine, parts or Parts(), scene)
        world.run()
    result = Result(
        seed,
        engine,
        scene,
        payments,
        world.findings.failures,
        world.faults.counts,
        _report(seed, world) if world.findings.failures else "",
        world.trace.digest() if with_digest else "",
    )
    vars(world).clear()  # its parts hold each other, and the collector sleeps
    return result


def _report(seed: int, world: World) -> str:
    """Return the failures, the history of the first one, and how to reproduce it."""
    failures = world.findings.failures
    first = failures[0]
    intent = first.intent
    if intent is None and first.key in world.clients.by_payment:
        intent = world.clients.by_payment[first.key].name
    command = (
        f"python -m tests.faults.simulation --engine {world.engine} "
        f"--seed {seed} --payments {world.count} --scene {world.methods.scene}"
    )
    lines = [f"{len(failures)} promises broken; to see it again: {command}"]
    lines += [str(failure) for failure in failures[:10]]
    lines += ["The whole story of the first:", *world.trace.of(first.key, intent)]
    return "\n".join(lines)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw revisions, batch ids and owners from the seed.

    The services draw them with `secrets`, which no seed determines; without this no run could be
    repeated. That they cannot be guessed is not tested here; that they differ is kept.
    """
    rng = Random(f"secrets {seed}")

    def token_hex(size: int) -> str:
        return f"{rng.getrandbits(8 * size):0{2 * size}x}"

    seeded = SimpleNamespace(token_hex=token_hex)
    with ExitStack() as stack:
        for module in (
            *("models.revisions", "models.batches", "models.holds", "services.new_payments"),
            *("services.inbound.mailboxes", "worker.sweeper", "models.webhook_endpoints"),
            *("services.outbound.endpoints", "models.bulk", "providers.stripe.recipients"),
        ):
            stack.enter_context(mock.patch(f"paymentapp.{module}.secrets", seeded))
        for module in ("vault.sealing", "services.outbound.messages"):
            seeded_os = SimpleNamespace(urandom=rng.randbytes)
            stack.enter_context(mock.patch(f"paymentapp.{module}.os", seeded_os))
        stack.enter_context(mock.patch("paymentapp.models.webhook_endpoints.random", rng))
        for name, size in (("intake.CHUNK_ROWS", CHUNK), ("runner.ROWS_AT_ONCE", AT_ONCE)):
            stack.enter_context(mock.patch(f"paymentapp.services.bulk.{name}", size))
        # A function of its argument alone, asked the same ten times a payment: only faster so.
        stack.enter_context(
            mock.patch("paymentapp.models.payments.item_id_of", lru_cache(4096)(item_id_of))
        )
        yield


@contextmanager
def quietly() -> Iterator[None]:
    """Switch off log lines and the garbage collector, for speed."""
    log = logging.getLogger("paymentapp")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        log.setLevel(level)
