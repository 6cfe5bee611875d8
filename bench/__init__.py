"""What the project's performance claims rest on; `python -m bench.run --help`."""
