"""`paymentapp settings`, and the generated part of docs/operating.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paymentapp.cli import commands
from paymentapp.declarations import groups
from tests.support.printed_pages import PAGE, PRINTED, on_page, printed, write


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(**environ: str) -> Result:
    return CliRunner().invoke(commands, ["settings"], env=environ)


def test_it_shows_every_variable_and_starts_nothing(elsewhere: Path) -> None:
    result = run(PAYMENTAPP_SENDERS="3")
    assert result.exit_code == 0
    for group in groups():
        assert f"\n{group.settings.title}" in f"\n{result.stdout}"
        assert all(f"  {each.name} " in result.stdout for each in group.variables)
    assert re.search(r" PAYMENTAPP_SENDERS +3 +4  ", result.stdout)
    assert result.stdout.endswith("\nNo problems.\n")
    assert list(elsewhere.iterdir()) == []


def test_a_secret_is_set_and_no_more() -> None:
    result = run(PAYPAL_CLIENT_ID="id", PAYPAL_CLIENT_SECRET="hunter2")
    assert result.exit_code == 0
    assert "PAYPAL_CLIENT_SECRET              set " in result.stdout
    assert "hunter2" not in result.output


def test_everything_that_is_wrong_is_named_and_not_shown() -> None:
    result = run(
        PAYMENTAPP_WORKERS="hunter2",
        PAYMENTAPP_STRIPE_SECRET_KEY="pk_live_hunter2",
        PAYMENTAPP_SENDRES="hunter2",
    )
    assert result.exit_code == 1
    assert result.stdout.endswith(
        "\nPAYMENTAPP_WORKERS must be a whole number from 1 to 64\n"
        "PAYMENTAPP_STRIPE_SECRET_KEY is a publishable key: a secret one (sk_) or a restricted one "
        "(rk_) is needed\n"
        "PAYMENTAPP_SENDRES is not a setting: did you mean PAYMENTAPP_SENDERS?\n"
    )
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"PAYPAL_CLIENT_ID": "id"}, "PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET go together"),
        ({"PAYMENTAPP_ROUTES": "pigeon"}, "PAYMENTAPP_ROUTES: rule 1 names pigeon"),
        ({"PAYMENTAPP_APPROVALS": "USD 5"}, "PAYMENTAPP_APPROVALS: rule 1 is not CONDITION"),
        (
            {"PAYMENTAPP_LIMITS": "all USD 5"},
            "PAYMENTAPP_LIMITS: rule 1 needs /day, /month or /24h",
        ),
        ({"PAYMENTAPP_VAULT_KEYS": "hunter2"}, "PAYMENTAPP_VAULT_KEYS must be NAME:BASE64"),
    ],
)
def test_so_is_what_no_variable_alone_shows(environ: dict[str, str], told: str) -> None:
    result = run(**environ)
    assert result.exit_code == 1
    assert told in result.stdout.splitlines()[-1]


@pytest.mark.parametrize("command", PRINTED)
def test_the_page_has_what_the_command_prints(command: str) -> None:
    """Compare the page with the command; `make docs` updates the page."""
    assert on_page(PAGE.read_text(), command) == printed(command)


def test_it_can_be_written_anew(elsewhere: Path) -> None:
    copy, page = elsewhere / "page.md", PAGE.read_text()
    copy.write_text(page.replace("### PayPal", "### Nobody").replace("never forgets", "forgets"))
    write(copy)
    assert copy.read_text() == page
