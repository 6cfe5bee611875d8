"""Run one simulated world again, or many: `python -m tests.faults.simulation --seed N`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.faults.simulation.payment_methods import SCENES
from tests.faults.simulation.run import PAYMENTS, run_world
from tests.faults.simulation.world import ENGINES


def main() -> int:
    """Run the requested worlds; return 1 if a guarantee was violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--payments", type=int, default=PAYMENTS, help="in each world")
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--scene", choices=SCENES, default="paypal")
    parser.add_argument("--worlds", type=int, default=1, help="with seeds from --seed on")
    asked = parser.parse_args()
    counts: Counter[str] = Counter()
    begun = time.perf_counter()
    broken = paid = 0
    for seed in range(asked.seed, asked.seed + asked.worlds):
        for engine in asked.engine or ENGINES:
            result = run_world(
                seed, engine, asked.payments, with_digest=asked.worlds == 1, scene=asked.scene
            )
            counts += result.faults
            paid += result.payments
            broken += bool(result.failures)
            if result.report or result.digest:
                print(result.report or f"{engine}: nothing broken; trace {result.digest}")
    seconds = time.perf_counter() - begun
    print(
        f"{paid} payments, {seconds:.1f} s, {paid / seconds:.0f} a second, {broken} worlds broken"
    )
    for fault, count in counts.most_common():
        print(f"{count:9} {fault}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
