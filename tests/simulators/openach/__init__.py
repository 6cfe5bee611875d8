"""OpenACH's simulator: its answers, its nightly run, its faults."""
