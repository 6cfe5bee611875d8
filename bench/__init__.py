"""Benchmarks, on which the project's performance claims rest; see `python -m bench.run --help`."""
