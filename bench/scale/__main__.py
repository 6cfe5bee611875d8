"""Runs the model and writes its results: `python -m bench.scale`, or `make scale-model`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from bench.say import say
from bench.scale import report
from bench.scale.model import Model
from bench.scale.scales import SCALES


def main() -> int:
    """Run the sizes that are wanted; return 1 if a payment was lost, or paid twice."""
    options = _options()
    lost = False
    for name in options.only:
        scale = SCALES[name]
        if options.minutes:
            scale = replace(scale, minutes=options.minutes)
        say(f"{name}: {scale.minutes:g} simulated minutes")
        model = Model(scale).run()
        report.write([model], options.output)
        fullest = report.limits(model)[0]
        say(f"  {model.measures.accepted:,} accepted, {model.measures.settled:,} settled")
        say(f"  the next limit: {fullest.what}, {fullest.share:.0%}")
        for problem in model.problems():
            lost = True
            say(f"  {problem}")
    say(f"written to {options.output}")
    return 1 if lost else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description="Runs the service's own code in simulated time over a simulated DynamoDB and "
        "a simulated PayPal, and writes the results to bench/SCALE.md.",
    )
    parser.add_argument(
        "--only", nargs="+", choices=SCALES, default=list(SCALES), help="which sizes to run"
    )
    parser.add_argument("--minutes", type=float, default=0, help="simulated minutes of each")
    parser.add_argument(
        "--output", type=Path, default=report.RESULTS, help="where the results go (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
