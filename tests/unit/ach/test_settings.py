"""Settings: each is validated, each error names its variable and never its value."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from paymentapp.config import Settings, load_settings
from paymentapp.errors import Misconfigured, SettingsError
from paymentapp.models.batches import Batch, BatchState, new_batch_id
from paymentapp.models.revisions import new_revision
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.ach.settings import AchSettings
from paymentapp.providers.registry import build_providers
from paymentapp.variables import Variables
from paymentapp.vault.sealing import Vault
from tests.support.ach_backend import ach_environ
from tests.support.kit import a_kit
from tests.support.paypal_server import FakeClock


def settings(**more: str) -> AchSettings:
    return Variables(ach_environ(Path("/bank"), **more)).load(AchSettings)


def test_defaults() -> None:
    made = settings()
    assert (made.odfi, made.batch_size, made.hold_days) == ("09100001", 2_000, 2)
    assert [(w.cutoff, w.same_day) for w in made.windows] == [(time(16, 0), False)]
    assert (made.most, made.same_day_limit) == (Decimal("99999999.99"), Decimal(1_000_000))
    assert (made.lead, made.attempt) == (timedelta(minutes=15), timedelta(minutes=5))
    assert (made.prenotes, made.rehearsal, made.description) == (False, None, "PAYMENT")


def test_windows_are_local_times() -> None:
    made = settings(windows="10:00 same-day, 14:15 same-day,17:30")
    assert [(w.cutoff, w.same_day) for w in made.windows] == [
        (time(10, 0), True),
        (time(14, 15), True),
        (time(17, 30), False),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", ""),
        ("origin", "12345"),
        ("origin_name", "X" * 24),
        ("destination", "091000018"),
        ("company_id", "0000000000"),
        ("company_name", "A company with a long name"),
        ("description", "MORE THAN TEN"),
        ("odfi", "09100001"),
        ("outgoing_url", ""),
        ("outgoing_url", "ftp://bank.example/out"),
        ("outgoing_url", "file://host/out"),
        ("outgoing_url", "sftp://ann:hunter2@bank.example/out"),
        ("outgoing_url", "sftp://bank.example/out"),
        ("incoming_url", "file:///bank/outgoing/"),
        ("windows", "25:00"),
        ("windows", "10:00 someday"),
        ("windows", ","),
        ("lead_minutes", "-1"),
        ("batch_size", "2501"),
        ("maximum", "100000000"),
        ("maximum", "1.005"),
        ("maximum", "NaN"),
        ("same_day_limit", "0"),
        ("hold_days", "two"),
        ("attempt_seconds", "1"),
        ("prenotes", "perhaps"),
        ("prenote_days", "0"),
        ("pgp_key_file", "/nowhere/key.asc"),
        ("sftp_key_file", "/nowhere/id"),
        ("file_name", "payments.ach"),
        ("file_name", "{batch}/{date}"),
        ("file_name", ".{batch}"),
        ("file_name", "{batch.x}"),
        ("file_name", "{other}{batch}"),
        ("file_name", "{date}{modifier}"),
        ("file_name", "{batch"),
        ("rehearsal_seconds", "9999"),
    ],
)
def test_a_wrong_one_is_named_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings(**{name: value})
    assert f"PAYMENTAPP_ACH_{name.upper()}" in str(raised.value)
    for secret in ("hunter2", "nowhere", "12345 "):
        assert secret not in str(raised.value)


def test_a_bank_far_away_has_to_be_known(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="PAYMENTAPP_ACH_SFTP_KNOWN_HOSTS"):
        settings(outgoing_url="sftp://ann@bank.example/out")
    with pytest.raises(SettingsError, match="PAYMENTAPP_ACH_REHEARSAL_SECONDS"):
        settings(outgoing_url="s3://bucket/out", rehearsal_seconds="5")
    known = tmp_path / "known"
    known.write_text("bank.example ssh-ed25519 AAAA")
    made = settings(
        outgoing_url="sftp://ann@bank.example/out",
        sftp_known_hosts=str(known),
        sftp_password="hunter2",
    )
    assert "hunter2" not in repr(made)
    assert made.outgoing.shown == "sftp://bank.example/out"


def test_none_of_it_means_no_such_way_to_pay() -> None:
    assert "ach" not in build_providers(a_kit(Settings()))
    with pytest.raises(SettingsError, match="PAYMENTAPP_ACH_ORIGIN is not set"):
        build_providers(a_kit(load_settings({"PAYMENTAPP_ACH_PRENOTES": "on"})))


def test_without_a_vault_it_is_not_configured_and_pays_nobody(tmp_path: Path) -> None:
    loaded, clock = load_settings(ach_environ(tmp_path)), FakeClock()
    made = Ach.build(a_kit(loaded, clock, Vault("")))
    assert not made.configured
    batch = Batch(
        new_batch_id(clock()), "ach", "USD", BatchState.FROZEN, 0, clock(), new_revision()
    )
    for call in (lambda: made.submit(batch, []), made.check, lambda: list(made.mailbox.collect())):
        with pytest.raises(Misconfigured, match="PAYMENTAPP_VAULT_KEYS"):
            call()
