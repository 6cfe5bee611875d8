"""What holds for every command: help, JSON, a terminal of 80 columns, and its place in the docs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from paymentapp.cli import commands
from paymentapp.clock import utc_now
from paymentapp.models.actors import operator
from paymentapp.models.bulk import BulkMode
from paymentapp.models.events import Event
from paymentapp.models.webhook_endpoints import WebhookDelivery
from paymentapp.schemas.bulk_rows import rows_of_table
from paymentapp.services.bulk.intake import BulkTerms
from paymentapp.services.outbound.publisher import TOPIC
from paymentapp.vault.sealing import new_key
from tests.cli.conftest import Desk
from tests.cli.test_audit import set_field
from tests.cli.test_inbox import set_aside
from tests.cli.test_parked import reference_of
from tests.support.service import ROOT
from tests.support.terminal import on_a_terminal, too_wide
from tests.support.topic_world import ARN

Path = tuple[str, ...]

# They serve until they are stopped, write a file, or print one key.
WITHOUT_JSON = {("run",), ("worker",), ("export",), ("pay",), ("vault", "new-key")}
# They need a bank with a payment to take back: see test_reversals.
OF_A_BANK = {("reversals", name) for name in ("send", "retry", "show", "confirm")}


def leaves(group: click.Group, path: Path = ()) -> Iterator[tuple[Path, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


LEAVES = dict(leaves(commands))
GROUPS = sorted({path[:-1] for path in LEAVES})


def options(command: click.Command) -> set[str]:
    return {name for each in command.params for name in each.opts if name.startswith("--")}


@pytest.mark.parametrize("path", [*GROUPS, *LEAVES], ids=lambda path: " ".join(path) or "all")
def test_its_help_says_what_it_does_and_fits_80_columns(path: Path) -> None:
    shown = CliRunner().invoke(commands, [*path, "--help"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0
    _, _, text = shown.output.partition("\n\n")
    assert text.strip()[:1].isupper()
    assert too_wide(shown.output) == []


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: " ".join(path) or "all")
def test_a_list_of_commands_says_in_full_what_each_is_for(path: Path) -> None:
    shown = CliRunner().invoke(commands, [*path, "--help"], env={"COLUMNS": "80"}).stdout
    cut = [line for line in shown.splitlines() if line.endswith("...")]
    assert [line for line in cut if not line.startswith(("Usage:", "  pay "))] == []


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_each_option_says_what_it_is_for(path: Path) -> None:
    silent = [
        each.name
        for each in LEAVES[path].params
        if isinstance(each, click.Option) and not each.help
    ]
    assert silent == []


def test_every_command_that_prints_records_prints_them_as_json_too() -> None:
    without = {path for path, command in LEAVES.items() if "--json" not in options(command)}
    assert without <= WITHOUT_JSON


def test_long_lists_come_line_by_line_too() -> None:
    with_lines = {path for path, command in LEAVES.items() if "--ndjson" in options(command)}
    assert {("payments", "list"), ("customers", "list")} <= with_lines


def documented() -> dict[Path, str]:
    """Return what docs/operating.md has of each command."""
    page = (ROOT / "docs" / "operating.md").read_text()
    block = page.partition("\n## Commands\n")[2].partition("```\n")[2].partition("```")[0]
    found: dict[Path, str] = defaultdict(str)
    for line in block.replace("\n   ", " ").splitlines():
        _, first, *rest = line.split()
        if isinstance(commands.commands.get(first), click.Group):
            for name in rest[0].split("|"):
                found[first, name] += line
        elif not first.startswith("-"):
            found[first,] += line
    return found


def test_the_documentation_has_each_command_and_says_which_print_json() -> None:
    pages = documented()
    assert set(pages) == set(LEAVES)
    with_json = {path for path, command in LEAVES.items() if "--json" in options(command)}
    assert {path for path, text in pages.items() if "--json" in text} == with_json


BY = ("--by", "Grace Hopper", "--note", "case 4711: the bank says so")


class Everything:
    """A store with something to show for each command, and the ids of that."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.environ |= {
            "PAYMENTAPP_VAULT_KEYS": new_key(),
            "PAYMENTAPP_EVENTS_SNS_ARN": ARN,
        }
        self.parked, _ = desk.park("a-parked-customer", acted=True)
        self.batch, (self.payment, *_) = desk.pay("ann", "blocked", days=40)
        desk.set_simulator(faults_on=["create"], drop_after=1.0)
        self.waiting, _ = desk.pay("bob", follow=False)  # and nobody knows whether it was sent
        desk.set_simulator(drop_after=0.0)
        desk.pay_as_somebody_else("eve's invoice")
        set_aside(desk, "no payment of ours has this id, nor any of the ids that it names")
        self.endpoint = self._made("webhooks", "add", f"https://books.example.org/{'x' * 90}")["id"]
        self.event = self._made("webhooks", "test", self.endpoint)["event_id"]
        self.key = self._made("keys", "create", "payroll of the north", "--by", "Ada")["key_id"]
        self.hold = self._made("hold", "customer", "bob", *BY)["hold_id"]
        self.refused = self._refused_event()
        self.run = self._run("june")
        self.unapproved = [self._unapproved(f"dora-{number}") for number in range(2)]
        self.unapproved_runs = [self._run(f"july {number}", done=True) for number in range(2)]

    def _made(self, *arguments: str) -> dict[str, str]:
        made: dict[str, str] = self.desk.json(*arguments)
        return made

    def _run(self, key: str, *, done: bool = False) -> str:
        """Return a bulk run, which has its payments where it is done."""
        file = b"customer_id,email,amount,currency\nann,ann@example.com,12,USD\n"
        terms = BulkTerms(BulkMode.ALL, is_dry=False, registers=True)
        with self.desk.service() as services:
            rows = rows_of_table([file])
            run = services.bulk_intake.take_in(rows, terms, operator("Ada"), key).run
            while done and services.bulk_runs.get(run.bulk_id).is_open:
                services.bulk_runner.advance(lambda: True)
            return run.bulk_id

    def _refused_event(self) -> str:
        with self.desk.service() as services:
            services.store.add_event(Event("provider.funded", utc_now(), ("paypal", "USD", "1")))
            listed = services.store.list_events(None, 1).events[0]
            refused = WebhookDelivery(TOPIC, *listed, utc_now()).refused(utc_now(), "TooLong " * 9)
            services.store.add_webhook_delivery(refused)
        return listed.event_id

    def _unapproved(self, name: str) -> str:
        self.desk.environ["PAYMENTAPP_APPROVALS"] = "USD 10..: 1"
        with self.desk.service() as services:
            services.customers.register(name, f"{name}@example.com", {})
            return "/".join(self.desk.request(services, name).key)

    def reading(self) -> list[Path]:
        """Return commands that change nothing."""
        return [
            *(("settings",), ("status",), ("holds", "--all"), ("keys", "list")),
            *(("approvals", "list"), ("webhooks", "list"), ("topic", "show")),
            ("webhooks", "deliveries", self.endpoint),
            *(("bulk", "list"), ("bulk", "show", self.run), ("bulk", "rows", self.run)),
            *(("parked", "list", "--ask", "--all"), ("inbox", "list"), ("inbox", "show", "WH-1")),
            ("reversals", "list"),
            *(("payments", "list"), ("payments", "find", "ann")),
            ("payments", "show", *self.payment.key),
            ("batches", "show", self.batch.batch_id),
            *(("summary", "--by", "day,currency,method,status,client"), ("customers", "list")),
            *(("customers", "show", "ann"), ("audit", "customer", "ann")),
            ("audit", "show", *self.payment.key),
            *(("audit", "verify", "--from", "2020-01-01"), ("reconcile", "--from", "2020-01-01")),
        ]

    def changing(self) -> list[Path]:
        """Return commands that change something, in an order in which each of them can."""
        parked, waiting = self.parked.batch_id, self.waiting.batch_id
        reference, database = reference_of(self.desk), self.desk.database
        return [
            *(("init",), ("vault", "rotate"), ("payments", "index"), ("release", self.hold)),
            ("hold", "payment", "/".join(self.payment.key), *BY),
            ("keys", "create", "till", "--by", "Ada"),
            *(("keys", "change", self.key, "--expires", "90d"), ("keys", "revoke", self.key)),
            ("bulk", "hold", self.run, *BY),
            ("bulk", "release", self.run),
            ("bulk", "approve", self.unapproved_runs[0], *BY),
            ("bulk", "reject", self.unapproved_runs[1], *BY),
            ("bulk", "cancel", self.run),
            *(("approvals", "approve", self.unapproved[0], *BY),),
            *(("approvals", "reject", self.unapproved[1], *BY),),
            ("webhooks", "add", "https://books.example.org/more"),
            *(("webhooks", name, self.endpoint) for name in ("test", "rotate-secret", "disable")),
            *(("webhooks", "enable", self.endpoint), ("topic", "publish", self.refused)),
            ("webhooks", "redeliver", self.endpoint, self.event),
            ("webhooks", "delete", self.endpoint),
            ("inbox", "record", "WH-1", "--as", "ignored", *BY),
            ("parked", "add", waiting, *BY),
            ("parked", "resolve", parked, "--as", "accepted", "--reference", reference, *BY),
            ("customers", "change", "ann", "--set", "country=DE"),
            ("customers", "erase", "dora-1", "--yes", "--no-wait"),
            ("copy", "--from", f"sqlite:///{database}", "--to", f"sqlite:///{database}.copy"),
        ]


@pytest.fixture
def everything(desk: Desk) -> Everything:
    return Everything(desk)


def paths_of(command_lines: list[Path]) -> set[Path]:
    return {line[:2] if line[:2] in LEAVES else line[:1] for line in command_lines}


def test_every_record_and_list_fits_a_terminal_of_80_columns(everything: Everything) -> None:
    set_field(everything.desk, "transaction_id", '"5KB70251UY8843410"')  # for findings
    wide = {}
    for arguments in everything.reading():
        status, text = on_a_terminal(arguments, everything.desk.environ)
        assert status in {0, 1}, text
        assert text.count("\n") > 1, arguments
        path = str(everything.desk.database)  # as long as it is
        wide[arguments] = [line for line in too_wide(text) if path not in line]
    assert {arguments: lines for arguments, lines in wide.items() if lines} == {}


def test_every_command_with_json_prints_one_document(everything: Everything) -> None:
    lines = [*everything.reading(), *everything.changing()]
    for arguments in lines:
        done = everything.desk.run(*arguments, "--json")
        assert done.exit_code in {0, 1}, (arguments, done.output)
        assert isinstance(json.loads(done.stdout), dict), arguments
    with_json = {path for path, command in LEAVES.items() if "--json" in options(command)}
    assert paths_of(lines) == with_json - OF_A_BANK
