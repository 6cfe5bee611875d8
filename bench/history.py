"""Benchmark of a store that is years old: `python -m bench.history`, or `make bench-large`.

A SQLite store is filled with payments, and takes turns with an empty one: it accepts payments,
lists and finds them. The empty one has the customers, and as many payments as an answer holds.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, redirect_stdout
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple, NoReturn

from bench import report
from bench.filling import History, client, email, fill, item_id, reference
from bench.report import Finding, Section
from bench.say import Failed, say
from bench.stores import SQLitePlace, open_services
from paymentapp.bootstrap import Services
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.money import Money
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.base import PageQuery

RESULTS = report.ROOT / "bench" / "RESULTS-LARGE.md"
PAYMENTS = 10_000_000
CUSTOMERS = 20_000
PAGE = 25
AT_ONCE = 16  # threads of a worker
GOAL = 0.95
BYTES_EACH = 2_600  # of a payment with its entries; measured with a million
FILLED_A_SECOND = 8_000  # measured on two cores that were busy
MEASURING_SECONDS = 60
SPARE_BYTES = 2**30
METHOD = """\
{count:,} settled payments of the last 30 days ({size:.1f} GB, of {customers:,} customers and 50
clients), each with the record of its key and the event of its acceptance. They are inserted by the
store's own statements, all indexes there from the start, but in large transactions. An empty store
takes turns with it in the same process, {rounds} rounds of each: it has the same customers, and the
newest {page} payments of one of them, so that both give answers of one size. The filled store is
asked for customers and payments at random, and its pages may be anywhere in the file. Time and CPU
of a call of the services, the median of the rounds; the ratio is empty / filled."""


class Plan(NamedTuple):
    """How many payments are there, and how long it is measured."""

    payments: int = PAYMENTS
    rounds: int = 31
    calls: int = 200  # of each operation in a round

    @property
    def customers(self) -> int:
        """Return how many customers there are: each has a page of payments at least."""
        return max(1, min(CUSTOMERS, self.payments // (2 * PAGE)))


class Side(NamedTuple):
    """A store that is measured: its services, and payments to ask for by their numbers."""

    services: Services
    history: History
    numbers: Sequence[int]
    dice: random.Random

    def number(self) -> int:
        return self.dice.choice(self.numbers)


class Cost(NamedTuple):
    """Microseconds of a call."""

    wall: float
    cpu: float


def main() -> int:
    """Fill a store, measure, and write the results; return 1 if that was not possible."""
    options = _options()
    signal.signal(signal.SIGTERM, _stop)
    plan = Plan(options.payments)
    begin, busy = time.monotonic(), os.getloadavg()[0]
    try:
        with (
            redirect_stdout(sys.stderr),
            tempfile.TemporaryDirectory(prefix="paymentapp-bench-", dir=options.directory) as name,
        ):
            check_room(Path(name), plan)
            section = measure(Path(name), plan)
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    write(section, options.output, seconds=time.monotonic() - begin, busy=busy)
    print(f"written to {options.output}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument(
        "--payments", type=int, default=PAYMENTS, help="in the filled store (%(default)s)"
    )
    parser.add_argument(
        "--directory", type=Path, default=tempfile.gettempdir(), help="where it is (%(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help="where the results go (%(default)s)"
    )
    return parser.parse_args()


def _stop(*_: object) -> NoReturn:
    raise SystemExit(1)


def check_room(directory: Path, plan: Plan) -> None:
    """Say how much disk and time a run takes. Raises Failed where the disk has too little room."""
    needed = plan.payments * BYTES_EACH + SPARE_BYTES
    free = shutil.disk_usage(directory).free
    minutes = (plan.payments / FILLED_A_SECOND + MEASURING_SECONDS) / 60
    say(
        f"{plan.payments:,} payments take {needed / 1e9:.1f} GB in {directory} ({free / 1e9:.1f} GB"
        f" are free) and about {minutes:.0f} minutes"
    )
    if free < needed:
        raise Failed(f"the disk has too little room: {free / 1e9:.1f} of {needed / 1e9:.1f} GB")


def measure(directory: Path, plan: Plan) -> Section:
    """Fill a store, and measure it and an empty one in turns."""
    history = History.of(plan.payments, plan.customers)
    first = history.newest_of_first(PAGE)
    filled = _side(directory, "filled", history, range(plan.payments))
    size = (directory / "filled.db").stat().st_size / 1e9
    empty = _side(directory, "empty", history, first)
    with closing(empty.services.store), closing(filled.services.store):
        section = Section(
            "A store of many payments: SQLite",
            METHOD.format(
                count=plan.payments,
                size=size,
                customers=plan.customers,
                rounds=plan.rounds,
                page=len(first),
            ),
            columns=("", "round", "store", "time", "CPU"),
        )
        for name, run in _operations(len(first)).items():
            _compare(section, name, run, (empty, filled), plan)
    return section


def _side(directory: Path, name: str, history: History, numbers: Sequence[int]) -> Side:
    """Create a store and fill it with some payments of a history."""
    settings = {"PAYMENTAPP_AUTH": "off", "PAYMENTAPP_DISPATCHER": "off"}
    services = open_services(SQLitePlace(directory, name), settings)
    services.store.create_tables()
    fill(directory / f"{name}.db", history, numbers, partial(_progress, name, len(numbers)))
    return Side(services, history, numbers, random.Random(1))


def _progress(name: str, count: int, done: int) -> None:
    if done % 500_000 == 0 or done == count:
        say(f"{name}: {done:,} of {count:,} payments")


Run = Callable[[Side, int], None]


def _operations(page: int) -> dict[str, Run]:
    """Return what is measured; each makes so many calls. They raise Failed on a wrong answer."""
    return {
        "a page of the account": _repeated(_list_account, page),
        "a page of a customer": _repeated(_list_customer, page),
        "find by reference": _repeated(_find_reference, 1),
        "find by provider id": _repeated(_find_item, 1),
        "accept, one at a time": _accept_in_turn,
        f"accept, {AT_ONCE} at once": _accept_at_once,
    }


def _repeated(find: Callable[[Side], int], wanted: int) -> Run:
    def run(side: Side, calls: int) -> None:
        for _ in range(calls):
            found = find(side)
            if found != wanted:
                raise Failed(f"{found} payments found, not {wanted}, by {find.__name__}")

    return run


def _list_account(side: Side) -> int:
    return len(side.services.payments.list_account(AccountQuery(PAGE)).payments)


def _list_customer(side: Side) -> int:
    customer_id = side.history.customer(side.number())
    return len(side.services.payments.list(customer_id, PageQuery(PAGE)).payments)


def _find_reference(side: Side) -> int:
    query = AccountQuery(PAGE, reference=reference(side.number()))
    return len(side.services.payments.list_account(query).payments)


def _find_item(side: Side) -> int:
    query = AccountQuery(PAGE, provider_id=item_id(side.number()))
    return len(side.services.payments.list_account(query).payments)


def _accept_in_turn(side: Side, calls: int) -> None:
    for order in _orders(side, calls):
        _accept(side, order)


def _accept_at_once(side: Side, calls: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(partial(_accept, side), list(_orders(side, calls))))


def _orders(side: Side, count: int) -> Iterator[PaymentOrder]:
    """Yield requests for payments to any of the customers, whose stores have the same ones."""
    for _ in range(count):
        customer_id = side.history.customer(side.dice.randrange(side.history.customers))
        texts = CallerTexts(f"invoice {side.dice.getrandbits(64):016x}")
        money = Money(Decimal("12.50"), "USD")
        yield PaymentOrder(customer_id, email(customer_id), money, "paypal", texts=texts)


def _accept(side: Side, order: PaymentOrder) -> None:
    key = str(order.texts.reference)
    if side.services.payments.request(order, key, client(int(key[-2:], 16))).replayed:
        raise Failed("a payment was not new")


def _compare(section: Section, name: str, run: Run, sides: Sequence[Side], plan: Plan) -> None:
    """Measure both stores in turns, after a round that does not count."""
    costs: list[list[Cost]] = [[], []]
    for number in range(plan.rounds + 1):
        for side, found in zip(sides, costs, strict=True):
            found.append(_cost(run, side, plan.calls))
            shown = "empty" if side is sides[0] else "filled"
            if number:
                section.rows.append((name, str(number), shown, *map(_shown, found[-1])))
    empty, filled = (found[1:] for found in costs)
    for kind in ("wall", "cpu"):
        before, now = (median(getattr(cost, kind) for cost in found) for found in (empty, filled))
        ratio, label = before / now, {"wall": "time", "cpu": "CPU"}[kind]
        say(f"  {name}, {label}: {_shown(before)} and {_shown(now)}, {ratio:.2f}")
        section.findings += [
            Finding(f"{name}: {label}, empty / filled", f"{_shown(before)} / {_shown(now)}"),
            Finding("… ratio", f"{ratio:.2f}", f"≥ {GOAL}", ratio >= GOAL),
        ]


def _cost(run: Run, side: Side, calls: int) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    run(side, calls)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(wall / calls * 1e6, cpu / calls * 1e6)


def _shown(microseconds: float) -> str:
    return f"{microseconds:.0f} µs"


def write(section: Section, path: Path, *, seconds: float, busy: float) -> None:
    """Write the results; `busy` is the machine's load average before the start."""
    lines = [
        "# Results of `make bench-large`",
        "",
        "Both stores are on one disk and in one process: ratios count, not times. What was filled",
        "last is in the system's cache of files, as far as the memory holds it.",
        "",
        *report.table(("", ""), [*report.machine(busy), ("took", f"{seconds:.0f} s")]),
        "",
        section.markdown(),
    ]
    path.write_text("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
