"""The product's code in simulated time: its modules get other threads, clocks and random numbers.

Nothing of it is written anew: what is modelled is what runs. Wherever one of its modules has
imported `time`, `threading`, `queue`, `secrets` or `random`, it finds the simulation's for as long
as a model runs.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import pkgutil
import random
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest import mock

import paymentapp
from bench.scale.threads import Kernel, SimulatedExecutor, simulated_modules
from paymentapp import clock
from paymentapp.storage import contention
from tests.faults.simulation.clock import moment
from tests.faults.simulation.run import quietly

# Modules of the product that the model needs; what they import is found through them.
_PARTS = ("bootstrap", "storage.dynamodb", "providers.paypal", "services", "worker")


@contextmanager
def in_simulated_time(kernel: Kernel, seed: int) -> Iterator[None]:
    """Have the product's modules use simulated time, threads and random numbers."""
    _import_all()
    rng = Random(f"product {seed}")
    real_now = clock.utc_now
    executor = partial(_executor, kernel)
    replacements: list[tuple[object, object]] = [
        *simulated_modules(kernel),
        (secrets, _seeded_secrets(rng)),
        (random, rng),
        (real_now, lambda: moment(kernel.scheduler.now)),
        (concurrent.futures.ThreadPoolExecutor, executor),
    ]
    with ExitStack() as stack:
        for module in _modules():
            for name, value in list(vars(module).items()):
                for real, simulated in replacements:
                    if value is real:
                        stack.enter_context(mock.patch.object(module, name, simulated))
        stack.enter_context(mock.patch.object(concurrent.futures, "ThreadPoolExecutor", executor))
        # Its pause is a default, bound when it was defined.
        stack.enter_context(mock.patch.object(contention.tries, "__defaults__", (kernel.sleep,)))
        stack.enter_context(quietly())
        yield


def _executor(kernel: Kernel, workers: int) -> SimulatedExecutor:
    return SimulatedExecutor(kernel, workers)


def _import_all() -> None:
    for part in _PARTS:
        module = importlib.import_module(f"paymentapp.{part}")
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
            importlib.import_module(found.name)


def _modules() -> list[Any]:
    prefix = paymentapp.__name__
    return [each for name, each in sorted(sys.modules.items()) if name.startswith(f"{prefix}.")]


def _seeded_secrets(rng: Random) -> SimpleNamespace:
    """Return what the product uses of `secrets`, drawn from the seed."""
    return SimpleNamespace(
        token_hex=lambda size: rng.randbytes(size).hex(),
        token_bytes=rng.randbytes,
        randbelow=rng.randrange,
        token_urlsafe=lambda size: rng.randbytes(size).hex(),
        compare_digest=secrets.compare_digest,
    )
