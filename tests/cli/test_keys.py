"""`paymentapp keys`: create, list, change and revoke API keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from paymentapp.cli import commands
from paymentapp.cli.common import _system_user
from paymentapp.clock import from_text, utc_now

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs `paymentapp keys` over a database of the test's own."""
    environ = {"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/keys.db"}
    CliRunner().invoke(commands, ["init"], env=environ)
    return lambda *arguments: CliRunner().invoke(commands, ["keys", *arguments], env=environ)


def listed(run: Run) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)["keys"]
    return keys


def test_a_key_has_a_client_scopes_and_an_end(run: Run) -> None:
    options = ("--client", "shop", "--scope", "payments:write", "--scope", "read")
    made = run("create", "till", *options, "--expires", "90d", "--by", "Ada Lovelace")
    (key,) = listed(run)
    assert made.stdout.startswith(f"pk_{key['key_id']}_")
    assert (key["name"], key["client"], key["state"]) == ("till", "shop", "valid")
    assert key["scopes"] == ["payments:write", "read"]
    end = from_text(key["expires_at"])
    assert timedelta(days=89.9) < end - utc_now() < timedelta(days=90)
    assert [(line["action"], line["by"]) for line in key["history"]] == [
        ("created", "Ada Lovelace")
    ]


def test_a_key_is_of_a_client_of_its_name_reads_and_writes_and_never_ends(run: Run) -> None:
    assert "expires" not in run("create", "till").stderr.replace("never expires", "")
    (key,) = listed(run)
    assert (key["client"], key["scopes"], key["expires_at"]) == ("till", ["read", "write"], None)
    assert key["history"][0]["by"] == _system_user()


def test_the_list_is_a_table_and_shows_no_secret(run: Run) -> None:
    made = run("create", "till", "--client", "shop", "--scope", "payments:hold")
    secret = made.stdout.strip().split("_", 2)[2]
    header, row = run("list").stdout.splitlines()
    assert header.split() == [
        *("KEY", "NAME", "CLIENT", "CREATED", "EXPIRES", "LAST", "USED", "STATE", "SCOPES")
    ]
    cells = row.split()
    assert cells[1:3] == ["till", "shop"]
    assert cells[4:] == ["-", "-", "valid", "payments:hold"]
    assert secret not in run("list").stdout + run("list", "--json").stdout


@pytest.mark.parametrize("form", ["{id}", "pk_{id}", "{secret}", "till"])
def test_a_key_is_revoked_by_its_id_by_itself_and_by_its_name(run: Run, form: str) -> None:
    secret = run("create", "till").stdout.strip()
    key_id = secret.split("_")[1]
    result = run("revoke", form.format(id=key_id, secret=secret), "--by", "Bob")
    assert (result.exit_code, result.stdout) == (0, f"revoked {key_id} (till)\n")
    (key,) = listed(run)
    assert (key["state"], key["history"][-1]["by"]) == ("revoked", "Bob")


def test_a_name_of_two_keys_is_answered_with_their_ids(run: Run) -> None:
    ids = [run("create", "till").stdout.split("_")[1] for _ in range(2)]
    result = run("revoke", "till")
    assert result.exit_code == 2
    assert all(key_id in result.stderr for key_id in ids)
    assert [key["state"] for key in listed(run)] == ["valid", "valid"]


def test_only_what_is_named_of_a_key_changes(run: Run) -> None:
    run("create", "till", "--expires", "2100-01-01", "--scope", "write")
    run("change", "till", "--scope", "payments:read", "--by", "Ada")
    (narrowed,) = listed(run)
    assert narrowed["scopes"] == ["payments:read"]
    assert narrowed["expires_at"] == "2100-01-01T00:00:00.000000Z"
    run("change", "till", "--expires", "never", "--by", "Bob")
    (lasting,) = listed(run)
    assert (lasting["scopes"], lasting["expires_at"]) == (["payments:read"], None)
    assert [line["by"] for line in lasting["history"][1:]] == ["Ada", "Bob"]


@pytest.mark.parametrize("expires", ["soon", "90", "-1d", "0d", "2020-01-01"])
def test_a_key_does_not_end_before_it_begins(run: Run, expires: str) -> None:
    assert run("create", "till", "--expires", expires).exit_code == 2
    assert listed(run) == []


@pytest.mark.parametrize("scope", ["everything", "payments", "Payments:read"])
def test_a_scope_that_does_not_exist_is_refused_with_those_that_do(run: Run, scope: str) -> None:
    result = run("create", "till", "--scope", scope)
    assert result.exit_code == 2
    assert "payments:hold" in result.stderr


def test_the_help_says_what_each_scope_allows(run: Run) -> None:
    text = " ".join(run("--help").stdout.split())
    assert "payments:hold: hold and release payments" in text
    assert "write: customers:write, payees:write, payments:write" in text


@pytest.mark.parametrize("name", ["", "n" * 41, "a\x07b"])
def test_a_name_fits_into_a_history(run: Run, name: str) -> None:
    assert run("create", name).exit_code == 2
