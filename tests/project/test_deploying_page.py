"""docs/deploying.md: its prices add up, and its numbers are those of the files that it is about."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.support.service import ROOT

PAGE = (ROOT / "docs" / "deploying.md").read_text()
SECONDS, HOURS = 2_628_000, 730  # of a month
ADDED_UP = ("One machine", "Google Cloud", "Azure")
CENT = Decimal("0.01")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its own first two lines."""
    text = PAGE.partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines[2:]]


def amount(text: str) -> Decimal:
    return Decimal(re.sub(r"[$,]", "", text) or "0")


def units(heading: str, what: str) -> Decimal:
    (found,) = [row[1] for row in rows(heading) if row[0].startswith(what)]
    return amount(found)


def default(cloud: str, name: str) -> str:
    """Return the default of a variable, as it is written."""
    text = (ROOT / "deploy" / cloud / "variables.tf").read_text()
    body = text.partition(f'variable "{name}"')[2].partition("\nvariable")[0]
    found = re.search(r"\n  default +=\s*\"?([^\n\"]+)", body)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("heading", ADDED_UP)
def test_each_amount_is_its_units_at_their_price(heading: str) -> None:
    *listed, _ = rows(heading)
    assert len(listed) > 4
    for what, quantity, price, idle, more in listed:
        cost = (amount(quantity) * amount(price)).quantize(CENT, ROUND_HALF_UP)
        assert cost == amount(idle) + amount(more), what


@pytest.mark.parametrize("heading", ADDED_UP)
def test_each_sum_is_that_of_its_table_and_of_the_comparison(heading: str) -> None:
    *listed, total = rows(heading)
    for column in (3, 4):
        assert sum(amount(row[column]) for row in listed) == amount(total[column])
    names = PAGE.partition("\n| |")[2].partition("\n")[0].strip("|").split("|")
    place = [name.strip() for name in names].index(heading)
    for name, column in (("idle, a month", 3), ("a million payments more", 4)):
        compared = PAGE.partition(f"\n| {name} |")[2].partition("\n")[0].split("|")
        assert compared[place].strip() == total[column]


def test_aws_costs_what_its_own_page_says() -> None:
    scale = (ROOT / "docs" / "scale.md").read_text()
    assert "**about $12.30**" in scale
    assert "| **all** | | | **$10.32** | **$57.27** |" in scale
    assert "About $12.30 idle, and $10.32" in PAGE
    assert "| $12.30 |" in PAGE
    assert "| $10.32 |" in PAGE


def instances(cloud: str) -> int:
    text = (ROOT / "deploy" / cloud / "variables.tf").read_text()
    (least,) = re.findall(r"least = optional\(number, (\d+)\)", text)
    return int(least) + int(default(cloud, "worker_instances"))


def test_the_units_of_google_cloud_follow_its_variables() -> None:
    seconds = instances("gcp") * SECONDS
    services = (ROOT / "deploy" / "gcp" / "services.tf").read_text()
    assert 'cpu = "500m", memory = "512Mi"' in services  # the sidecar's
    assert units("Google Cloud", "Cloud Run: processors") == seconds * (
        int(default("gcp", "cpu")) + Decimal("0.5")
    )
    memory = int(default("gcp", "memory").removesuffix("Gi")) + Decimal("0.5")
    assert units("Google Cloud", "Cloud Run: their memory") == seconds * memory
    _, _, processors, megabytes = default("gcp", "database_tier").split("-")
    assert units("Google Cloud", "Cloud SQL: two") == 2 * HOURS * int(processors)
    assert units("Google Cloud", "Cloud SQL: 7.5 GB") == 2 * HOURS * Decimal(megabytes) / 1024
    disk = int(default("gcp", "database_disk_gb"))
    assert units("Google Cloud", "Cloud SQL: disk of both, GB") == 2 * disk
    alerts = (ROOT / "deploy" / "gcp" / "alerts.tf").read_text()
    assert units("Google Cloud", "Cloud Monitoring: conditions") == len(
        re.findall(r"^ +what +=", alerts, re.M)
    )


def test_the_units_of_azure_follow_its_variables() -> None:
    seconds = instances("azure") * SECONDS * int(default("azure", "cpu"))
    assert units("Azure", "Container Apps: processors") == seconds
    assert units("Azure", "Container Apps: their memory") == 2 * seconds
    assert default("azure", "database_sku").removeprefix("GP_Standard_") in PAGE
    disk = int(default("azure", "database_disk_gb"))
    assert units("Azure", "PostgreSQL: disk of both, GB") == 2 * disk
    alerts = (ROOT / "deploy" / "azure" / "alerts.tf").read_text()
    assert units("Azure", "Monitor: alerts on the log") == alerts.count("line = ")
    assert units("Azure", "Monitor: alerts on metrics") == alerts.count("metric = ")


@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_the_commands_until_it_runs_are_counted(cloud: str) -> None:
    readme = (ROOT / "deploy" / cloud / "README.md").read_text()
    after = readme.partition("## Deploy and make a first payment")[2]
    block = re.findall(r"^```\n(.*?)^```$", after, re.M | re.S)[0]
    left_out = ("  ", "cd deploy/gcp", "cd deploy/azure")  # further lines, and no command yet
    commands = [line for line in block.splitlines() if not line.startswith(left_out)]
    row = PAGE.partition("\n| commands until it runs |")[2].partition("\n")[0].split("|")
    place = ("", "aws", "gcp", "azure").index(cloud)
    assert int(row[place]) == len(commands), commands
