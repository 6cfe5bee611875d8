"""Transports: a real SFTP server, and real OpenPGP. The libraries are extras."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from paymentapp.errors import Misconfigured, NotSent
from paymentapp.nacha import read
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.base import Accepted
from tests.unit.ach.conftest import Company

pytest.importorskip("fsspec")


class TestSftp:
    """SFTP over loopback, with the bank's own host key."""

    @pytest.fixture
    def address(self, tmp_path: Path, company: Company) -> Iterator[tuple[str, Path]]:
        pytest.importorskip("paramiko")
        from tests.support.sftp_server import USER, sftp_server

        known = tmp_path / "known_hosts"
        with sftp_server(company.folder) as (port, line):
            known.write_text(line)
            yield f"sftp://{USER}@127.0.0.1:{port}", known

    def provider(self, company: Company, address: tuple[str, Path], **more: str) -> Ach:
        from tests.support.sftp_server import PASSWORD

        url, known = address
        settings = {
            "outgoing_url": f"{url}/outgoing",
            "incoming_url": f"{url}/incoming",
            "sftp_password": PASSWORD,
            "sftp_known_hosts": str(known),
            **more,
        }
        return company.provider(**settings)

    def test_a_file_goes_and_its_return_comes(
        self, company: Company, address: tuple[str, Path]
    ) -> None:
        ach = self.provider(company, address)
        ach.check()
        member = company.member("R03111222233")
        assert isinstance(ach.submit(company.batch(member), [member]), Accepted)
        [path] = (company.folder / "outgoing").iterdir()
        assert read(path.read_bytes()).findings == ()
        company.bank.work()
        [delivery] = ach.mailbox.collect()
        assert ach.mailbox.parse_webhook(delivery.bodies[0]).kind == "return R03"
        ach.mailbox.put_away(delivery)
        assert list(ach.mailbox.collect()) == []
        assert len(list((company.folder / "incoming" / "done").iterdir())) == 1

    def test_a_file_that_is_there_is_never_replaced(
        self, company: Company, address: tuple[str, Path]
    ) -> None:
        with self.provider(company, address)._outgoing.open() as session:
            session.write("a", b"1")
            session.write("b", b"22")
            with pytest.raises(Exception, match="OSError"):
                session.rename("a", "b")
            assert session.sizes() == {"a": 1, "b": 2}
            session.remove("a")
            with pytest.raises(Exception, match="FileNotFoundError"):
                session.remove("a")

    def test_another_host_key_is_told_nothing(
        self, company: Company, address: tuple[str, Path], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        from tests.support.sftp_server import PASSWORD, new_host_key

        url, known = address
        host = known.read_text().split()[0]
        for name, why in (("bank.example", "UnknownHostKey"), (host, "BadHostKeyException")):
            known.write_text(f"{name} {new_host_key()}\n")
            with pytest.raises(Misconfigured, match=why):
                self.provider(company, (url, known)).check()
        assert PASSWORD not in caplog.text

    def test_a_wrong_password_needs_a_person(
        self, company: Company, address: tuple[str, Path]
    ) -> None:
        ach = self.provider(company, address, sftp_password="wrong")
        with pytest.raises(Misconfigured, match="AuthenticationException"):
            ach.check()
        member = company.member("1111222233")
        with pytest.raises(Misconfigured):
            ach.submit(company.batch(member), [member])

    def test_a_folder_that_is_not_there_needs_a_person(
        self, company: Company, address: tuple[str, Path]
    ) -> None:
        url = f"{address[0]}/nowhere"
        with pytest.raises(Misconfigured, match="FileNotFoundError"):
            self.provider(company, address, outgoing_url=url).check()

    def test_where_nobody_listens_nothing_was_sent(
        self, company: Company, address: tuple[str, Path]
    ) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            url = f"sftp://company@127.0.0.1:{nobody.getsockname()[1]}/outgoing"
        ach = self.provider(company, address, outgoing_url=url)
        member = company.member("1111222233")
        with pytest.raises(NotSent):
            ach.submit(company.batch(member), [member])


class TestPgp:
    """OpenPGP with the library itself."""

    @pytest.fixture
    def key(self, tmp_path: Path) -> tuple[object, Path]:
        pysequoia = pytest.importorskip("pysequoia")
        key = pysequoia.Tsk.generate("The Bank <bank@example.com>")
        path = tmp_path / "bank.pgp"
        path.write_bytes(bytes(key.extract_certificate()))
        return key, path

    def test_only_the_bank_can_read_it(self, company: Company, key: tuple[object, Path]) -> None:
        import pysequoia  # type: ignore[import-not-found,unused-ignore]

        secret, path = key
        ach = company.provider(pgp_key_file=str(path))
        member = company.member("1111222233")
        batch = company.batch(member)
        outcome = ach.submit(batch, [member])
        assert outcome == Accepted(f"ach-20260302-{batch.batch_id}.ach.pgp")
        [uploaded] = (company.folder / "outgoing").iterdir()
        assert b"1111222233" not in uploaded.read_bytes()
        opened = pysequoia.decrypt(uploaded.read_bytes(), decryptor=secret.decryptor())  # type: ignore[attr-defined]
        assert read(opened.bytes or b"").findings == ()

    def test_a_full_file_fits_a_note(self, company: Company, key: tuple[object, Path]) -> None:
        ach = company.provider(pgp_key_file=str(key[1]))
        members = [company.member(f"{n:012d}77", at=n) for n in range(2_000)]
        ach.submit(company.batch(*members), members)
        assert max(len(note.text) for note in company.state._notes.values()) < 300_000

    def test_a_file_without_a_key_needs_a_person(self, company: Company, tmp_path: Path) -> None:
        pytest.importorskip("pysequoia")
        path = tmp_path / "no.key"
        path.write_text("not a key")
        ach = company.provider(pgp_key_file=str(path))
        member = company.member("1111222233")
        with pytest.raises(Misconfigured, match="PAYMENTAPP_ACH_PGP_KEY_FILE"):
            ach.submit(company.batch(member), [member])
