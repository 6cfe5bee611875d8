"""Vault keys encrypted by KMS: made by the command, opened when they are needed."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from click.testing import CliRunner

from paymentapp.bootstrap import build_services
from paymentapp.cli import commands
from paymentapp.config import load_settings
from paymentapp.errors import Misconfigured, NotSent
from paymentapp.vault.kms import open_key_service, unwrap, wrap
from paymentapp.vault.sealing import Vault
from tests.support.emulators import FAKE_ACCOUNT, ministack, ministack_program


@pytest.fixture(scope="module")
def kms_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the id of a KMS key in the emulator; the environment points to it."""
    program = ministack_program()
    if program is None:
        pytest.skip("ministack is not installed")
    with (
        ministack(program, tmp_path_factory.mktemp("kms")) as address,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in (FAKE_ACCOUNT | {"AWS_ENDPOINT_URL_KMS": address}).items():
            environment.setenv(name, value)
        client: Any = botocore.session.get_session().create_client("kms")
        yield client.create_key()["KeyMetadata"]["KeyId"]


def test_a_key_that_kms_has_sealed_opens_what_it_sealed(kms_key: str) -> None:
    key = os.urandom(32)
    sealed = wrap(kms_key, key)
    assert key not in sealed
    assert unwrap(sealed) == key


def test_the_command_makes_a_key_that_only_kms_opens(kms_key: str) -> None:
    made = CliRunner().invoke(commands, ["vault", "new-key", "--kms", kms_key])
    assert made.exit_code == 0
    settings = load_settings(
        {"PAYMENTAPP_VAULT_KEYS": made.output.strip(), "PAYMENTAPP_VAULT_KMS": "on"}
    )
    vault = Vault(settings.vault_keys, open_key_service(settings))
    sealed = vault.seal("000123456789", "ada")
    assert vault.open(sealed, "ada") == "000123456789"
    _, _, written = made.output.strip().partition(":")
    plain = unwrap(base64.b64decode(written))
    assert len(plain) == 32
    assert plain not in base64.b64decode(written)


def test_without_a_key_service_the_keys_are_plain(tmp_path: Path) -> None:
    settings = load_settings({"PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/p.db"})
    assert open_key_service(settings) is None
    assert build_services(settings).settings.vault_kms is False


@pytest.mark.usefixtures("kms_key")
def test_what_kms_refuses_is_for_a_person() -> None:
    with pytest.raises(Misconfigured, match="KMS_"):
        wrap("alias/there-is-none", os.urandom(32))
    with pytest.raises(Misconfigured, match="KMS_"):
        unwrap(b"not sealed by anybody")


def test_a_kms_that_does_not_answer_is_asked_again_later(
    kms_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    with pytest.raises(NotSent, match="KMS_"):
        wrap(kms_key, os.urandom(32))
