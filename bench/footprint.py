"""Memory of a worker and time to start, compared with a bare app."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.bare_app import BARE_SETTINGS
from bench.load import Steady
from bench.processes import PYTHON, Processes, clean_environment
from bench.report import Finding, Section
from bench.say import Failed, say
from bench.servers import Server, service_settings, start_api, start_bare, start_simulator
from bench.stores import DynamoDBPlace, new_place, prepare, prepare_bare_sqlite

RATE = 250.0
METHOD = """\
Memory of a gunicorn worker (16 threads, two workers, the median of the two) after {requests:,}
payments were requested: RSS is what is resident, PSS counts shared pages by their share, USS is
what only this worker has. The service's workers dispatch as well. The bare app is a Flask view and
a boto3 client ({bare}). Start is the time that a new Python process takes to import and create the
app, until its store could be used (for the bare app: until its client is made); the median of
{starts} processes, in turns."""

CREATE = """
import time
begin = time.perf_counter()
{code}
print(time.perf_counter() - begin)
"""
API = "from paymentapp import create_app; create_app().extensions['paymentapp'].store.ping()"
BARE = "from bench.bare_app import {app}; {app}()"


class Plan(NamedTuple):
    """How much to measure."""

    requests: int
    starts: int


class Memory(NamedTuple):
    """Memory of one process, in MiB."""

    rss: float
    pss: float
    uss: float


class Subject(NamedTuple):
    """An app to measure: how it is built, and its environment."""

    name: str
    code: str
    environment: Mapping[str, str]


def measure(directory: Path, engines: list[str], plan: Plan) -> Section:
    """Measure the service on each engine, and the bare app."""
    say("memory and start")
    memories, subjects = {}, []
    app = "dynamodb_app" if "DynamoDB" in engines else "boto3_app"
    for engine in engines:
        name = f"API on {engine}"
        place = new_place(directory, engine, "footprint")
        prepare(place)
        with Processes(directory) as processes:
            paypal = start_simulator(processes, "footprint-paypal")
            server = start_api(processes, "footprint", place, paypal=paypal)
            memories[name] = _weigh(name, server, plan.requests)
        subjects.append(Subject(name, API, service_settings(place, None)))
    environment = _prepare_bare(directory, app)
    with Processes(directory) as processes:
        server = start_bare(processes, "footprint-bare", app, environment)
        memories["bare app"] = _weigh("bare app", server, plan.requests)
    subjects.append(Subject("bare app", BARE.format(app=app), environment))
    return _report(plan, app, memories, _starts(subjects, plan.starts))


def _prepare_bare(directory: Path, app: str) -> dict[str, str]:
    if app == "dynamodb_app":
        place = DynamoDBPlace("footprint-bare")
        prepare(place)
        return {"BARE_TABLE_PREFIX": place.prefix}
    path = directory / "footprint-bare.db"
    prepare_bare_sqlite(path)
    return {"BARE_DATABASE": str(path), **BARE_SETTINGS}


def _weigh(name: str, server: Server, requests: int) -> Memory:
    Steady(server.port, "weighed", RATE, requests / RATE).run()
    weights = [_memory(worker) for worker in server.workers()]
    memory = Memory(*(median(values) for values in zip(*weights, strict=True)))
    say(f"  {name}: RSS {memory.rss:.0f}, PSS {memory.pss:.0f}, USS {memory.uss:.0f} MiB")
    return memory


def _memory(pid: int) -> Memory:
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, size, _ = line.split()
        sizes[key] = int(size) / 1024
    return Memory(sizes["Rss:"], sizes["Pss:"], sizes["Private_Clean:"] + sizes["Private_Dirty:"])


def _starts(subjects: list[Subject], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each start, after one that fills the caches."""
    times: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for _ in range(rounds + 1):
        for subject in subjects:
            answer = subprocess.run(
                [PYTHON, "-c", CREATE.format(code=subject.code)],
                env=clean_environment() | dict(subject.environment),
                capture_output=True,
                text=True,
                check=False,
            )
            if answer.returncode:
                raise Failed(f"{subject.name} cannot be created: {answer.stderr[-500:]}")
            times[subject.name].append(float(answer.stdout) * 1000)
    for name, found in times.items():
        del found[0]
        say(f"  {name}: starts in {median(found):.0f} ms")
    return times


def _report(
    plan: Plan, app: str, memories: dict[str, Memory], times: dict[str, list[float]]
) -> Section:
    bare = {"dynamodb_app": "which serves the payments", "boto3_app": "which is not used"}[app]
    section = Section(
        "Memory and start",
        METHOD.format(requests=plan.requests, starts=plan.starts, bare=bare),
        columns=("", "RSS MiB", "PSS MiB", "USS MiB", "starts, ms"),
    )
    base, base_time = memories["bare app"], median(times["bare app"])
    for name, memory in memories.items():
        start = median(times[name])
        against = (
            ""
            if name == "bare app"
            else f" ({memory.rss / base.rss:.2f} and {start / base_time:.2f} of the bare app)"
        )
        value = f"{memory.rss:.0f} MiB RSS, {start:.0f} ms to start{against}"
        section.findings.append(Finding(name, value))
        section.rows.append(
            (
                name,
                *(f"{size:.1f}" for size in memory),
                " ".join(f"{each:.0f}" for each in sorted(times[name])),
            )
        )
    return section
