"""The results of the model, bench/SCALE.md: the same file for the same code, whenever it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from bench.report import ROOT, table
from bench.scale.capacity import TABLE_UNITS, key_kind
from bench.scale.dynamodb import ITEM_CPU, ITEM_SECONDS, REQUEST_CPU, REQUEST_SECONDS
from bench.scale.measure import Sample
from bench.scale.model import Model
from bench.scale.paypal import PayPalAssumptions

RESULTS = ROOT / "bench" / "SCALE.md"
_HEAD = """\
# Results of `make scale-model`

The service's own code (acceptance, dispatcher, sweep, polls, list of events, DynamoDB engine,
PayPal provider, the threads of its processes) in simulated time, over a simulated DynamoDB and a
simulated PayPal. The same seed gives the same file. **No AWS and no PayPal was called: what they
allow is what they publish, and what they do not publish is assumed**, as follows.

| assumed | |
|---|---|
| DynamoDB | 1,000 write and 3,000 read units a second for each partition, which is the value of a \
partition key; {table:,} a second for a table or index; no burst |
| | a request takes {request:g} ms and {item:g} ms for each item in it, a third more or less; an \
index is 20 ms behind on average, one change in a thousand up to a second |
| a process | one core, of which a request to DynamoDB takes {cpu:g} ms and each item \
{item_cpu:g} ms |
| PayPal | {paypal} |
| callers | requests come at random, each with an `Idempotency-Key`, for one of 10,000 customers, \
and are repeated a second after a 503 |
"""


class Limit(NamedTuple):
    """A limit, and the share of it that a run has used."""

    what: str
    used: float
    limit: float

    @property
    def share(self) -> float:
        return self.used / self.limit


def write(models: Sequence[Model], path: Path) -> None:
    """Write the sections of these runs; those of other sizes stay as they are."""
    text = path.read_text() if path.exists() else ""
    parts = text.split("\n## ")[1:]
    sections = {part.partition("\n")[0]: f"\n## {part.rstrip()}\n" for part in parts}
    for model in models:
        sections[model.scale.name] = "\n" + "\n".join(_section(model)) + "\n"
    path.write_text(_head() + "".join(sections.values()))


def limits(model: Model) -> list[Limit]:
    """Return the limits, and what the last half of the run has used of them; the fullest first."""
    first, last = _half(model)
    seconds = last.at - first.at
    calls = 60 * (last.calls - first.calls) / seconds
    found = [Limit("PayPal's calls a minute", calls, model.scale.paypal.calls_a_minute)]
    for capacity, what in ((model.dynamodb.writes, "write"), (model.dynamodb.reads, "read")):
        for use in capacity.hottest(1):
            name = f"{what} units of a partition: {use.table} `{key_kind(use.key)}`, busiest second"
            found.append(Limit(name, use.peak, capacity.partition_limit))
        for busy, peak in capacity.peak_of_table.most_common(1):
            name = f"{what} units of a table: {busy}, busiest second"
            found.append(Limit(name, peak, capacity.table_limit))
    busiest = max(process.busy for process in model.processes)
    found.append(Limit("the busiest process's core", busiest / model.kernel.seconds(), 1.0))
    return sorted(found, key=lambda limit: -limit.share)


def _half(model: Model) -> tuple[Sample, Sample]:
    samples = model.measures.samples
    return samples[(len(samples) - 1) // 2], samples[-1]


def _head() -> str:
    assumed = PayPalAssumptions()
    named = (
        f"{each.name.replace('_', ' ')} {getattr(assumed, each.name):g}" for each in fields(assumed)
    )
    return _HEAD.format(
        table=TABLE_UNITS,
        request=REQUEST_SECONDS * 1000,
        item=ITEM_SECONDS * 1000,
        cpu=REQUEST_CPU * 1000,
        item_cpu=ITEM_CPU * 1000,
        paypal=", ".join(named),
    )


def _section(model: Model) -> Iterator[str]:
    scale = model.scale
    settings = ", ".join(f"`{name}` {value:,}" for name, value in scale.settings.items())
    yield f"## {scale.name}"
    yield ""
    yield f"{scale.why} {scale.minutes:g} simulated minutes. Settings: {settings or 'defaults'}."
    yield ""
    yield from table(("", ""), list(_numbers(model).items()))
    yield ""
    rows = [
        (each.what, f"{each.used:,.2f}", f"{each.limit:,.0f}", f"{each.share:.0%}")
        for each in limits(model)
    ]
    yield from table(("limit", "used", "of", ""), rows)
    yield ""
    yield from _hot(model)
    yield ""
    yield from _series(model)


def _numbers(model: Model) -> Mapping[str, str]:
    measures, paypal, dynamodb = model.measures, model.paypal, model.dynamodb
    seconds = measures.samples[-1].at
    first, last = _half(model)
    batches = paypal.sizes.total()
    size = sum(size * count for size, count in paypal.sizes.items()) / max(1, batches)
    throttled = dynamodb.writes.throttled.total(), dynamodb.reads.throttled.total()
    cores = sum(process.busy for process in model.processes) / model.kernel.seconds()
    units = dynamodb.writes.total.total() / max(1, measures.accepted)
    return {
        "payments accepted": f"{measures.accepted:,}, {measures.refused:,} answers 503 meanwhile",
        "settled, waiting": f"{measures.settled:,}, {measures.waiting:,}",
        "lost, double, unknown": "; ".join(model.problems()) or "none",
        "accepted in (p50 / p99)": measures.answer_times.text(),
        "at PayPal after (p50 / p99)": measures.submit_times.text(),
        "settled after (p50 / p99)": measures.settle_times.text(),
        "known so long after PayPal's outcome (p50 / p99)": measures.report_times.text(),
        "due, at half time and at the end": f"{first.due:,}, {last.due:,}",
        "oldest due, likewise": _seconds(first.oldest_due, last.oldest_due),
        "open batches, likewise": f"{first.open_batches:,}, {last.open_batches:,}",
        "end of the list of events, behind now": _seconds(first.events_behind, last.events_behind),
        "batches at PayPal": f"{batches:,}, of {size:,.0f} on average",
        "PayPal calls a minute": _by_kind(paypal.calls, 60 / model.kernel.seconds()),
        "of these answered by 429": _by_kind(paypal.limited, 60 / model.kernel.seconds()),
        "write units a second": _by_kind(dynamodb.writes.total, 1 / seconds),
        "write units a payment": f"{units:.1f}",
        "read units a second": _by_kind(dynamodb.reads.total, 1 / seconds),
        "throttled": "{:,} writes, {:,} reads".format(*throttled),
        "processors": f"{cores:.1f} cores in all",
    }


def _seconds(*values: float) -> str:
    return ", ".join(f"{value:.0f} s" for value in values)


def _by_kind(counted: Mapping[str, float], factor: float) -> str:
    each = (f"{name} {number * factor:,.1f}" for name, number in sorted(counted.items()))
    return ", ".join(each) or "none"


def _hot(model: Model) -> Iterator[str]:
    rows = []
    for kind, capacity in (("write", model.dynamodb.writes), ("read", model.dynamodb.reads)):
        throttled: dict[tuple[str, str], int] = {}
        for (name, key), count in capacity.throttled.items():
            place = name, key_kind(key)
            throttled[place] = throttled.get(place, 0) + count
        for use in capacity.hottest(6):
            refused = throttled.pop((use.table, key_kind(use.key)), 0)
            rows.append((kind, use.table, f"`{use.key}`", f"{use.peak:,.0f}", f"{refused:,}"))
    yield "Busiest partitions, one of each kind of key: units in their busiest second."
    yield ""
    yield from table(("", "table or index", "key", "units", "throttled"), rows or [("none",) * 5])


def _series(model: Model) -> Iterator[str]:
    columns = (
        "s",
        "accepted",
        "due",
        "oldest due, s",
        "in batches",
        "open batches",
        "calls",
        "429",
        "events behind, s",
    )
    rows = [
        (
            f"{each.at:.0f}",
            f"{each.accepted:,}",
            f"{each.due:,}",
            f"{each.oldest_due:.0f}",
            f"{each.in_batches:,}",
            f"{each.open_batches:,}",
            f"{each.calls:,}",
            f"{each.limited:,}",
            f"{each.events_behind:.0f}",
        )
        for each in model.measures.samples
    ]
    yield from table(columns, rows)
