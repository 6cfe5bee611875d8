"""Runs the measurements and writes the results: `python -m bench.run`, or `make bench`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench import accept, report
from bench.say import say


def main() -> int:
    """Measure what was asked for; 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run of under a minute")
    parser.add_argument("--output", type=Path, default=report.RESULTS, help="where results go")
    options = parser.parse_args()
    begin = time.monotonic()
    plan = accept.Plan(1, 1) if options.quick else accept.Plan(4, 5)
    sections = []
    with tempfile.TemporaryDirectory(prefix="paymentapp-bench-") as directory:
        sections.append(accept.measure(Path(directory), "SQLite", plan))
    report.write(
        sections,
        seconds=time.monotonic() - begin,
        quick=options.quick,
        path=options.output,
    )
    say(f"written to {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
