"""The sizes that are modelled, and why for so long."""

from __future__ import annotations

from bench.scale.model import Scale
from bench.scale.paypal import PayPalAssumptions

_LARGE = {"due_shards": 8, "batch_size": 15_000, "senders": 4}

SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            "10 a second",
            rate=10,
            minutes=30,
            processes=2,
            sample_seconds=60,
            why="One machine: two processes of gunicorn, all settings at their defaults.",
        ),
        Scale(
            "1,000 a second, defaults",
            rate=1_000,
            minutes=1,
            processes=16,
            why="Sixteen processes, on eight machines of two cores, with the default settings.",
        ),
        Scale(
            "1,000 a second",
            rate=1_000,
            minutes=1.5,
            processes=16,
            settings=_LARGE,
            why="The same with the settings of docs/scale.md: batches of up to 15,000, eight "
            "shards. This is also one cell of a hundred where each has a PayPal account of its "
            "own: cells then share nothing.",
        ),
        Scale(
            "a cell of a hundred, one PayPal account",
            rate=1_000,
            minutes=0.5,
            processes=16,
            settings=_LARGE,
            paypal=PayPalAssumptions(calls_a_minute=4),
            why="One of a hundred cells that share a PayPal account: four calls a minute each.",
        ),
    )
}
