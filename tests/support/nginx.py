"""The proxy of deploy/proxy: a real nginx, with a certificate of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.service import ROOT, free_port

TEMPLATE = ROOT / "deploy" / "proxy" / "nginx.conf.template"
START_SECONDS = 20


@dataclass(frozen=True)
class CertificateFiles:
    """A self-signed certificate for 127.0.0.1, and its key."""

    certificate: Path
    key: Path

    def connect(self, port: int, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """Connect by TLS, from one of the loopback addresses; check the certificate."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        raw = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
        return context.wrap_socket(raw, server_hostname="127.0.0.1")


def self_signed(folder: Path) -> CertificateFiles:
    """Make a certificate in a folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1))
    made = builder.not_valid_after(now + timedelta(days=1)).add_extension(address, critical=False)
    files = CertificateFiles(folder / "certificate.pem", folder / "key.pem")
    files.certificate.write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    return files


def rendered(**values: object) -> str:
    """Return the configuration as `envsubst` makes it from variables."""
    return re.sub(r"\$\{(PROXY_\w+)\}", lambda found: str(values[found[1]]), TEMPLATE.read_text())


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    port: int
    files: CertificateFiles
    log: Path

    def connect(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        return self.files.connect(self.port, source)


@contextmanager
def running_nginx(
    folder: Path, service_port: int, *, connections: int = 20, plain: bool = False
) -> Iterator[Nginx]:
    """Start nginx in front of a service; skip the test where it is not installed, except in CI.

    `connections` is what one address may have at once; `plain` is without TLS.
    """
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None and not os.environ.get("CI"):
        pytest.skip("nginx is not installed")
    assert program is not None, "nginx is not installed"
    port, files = free_port(), self_signed(folder)
    config, log = folder / "nginx.conf", folder / "nginx.log"
    text = rendered(
        PROXY_LISTEN=f"127.0.0.1:{port}",
        PROXY_SERVICE=f"127.0.0.1:{service_port}",
        PROXY_FOLDER=folder,
        PROXY_CERTIFICATE=files.certificate,
        PROXY_CERTIFICATE_KEY=files.key,
        PROXY_TIMEOUT="2s",
        PROXY_CONNECTIONS=connections,
    )
    config.write_text(text.replace(" ssl;", ";") if plain else text)
    options = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")  # for our folder
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "-c", str(config), "-p", str(folder), "-e", "stderr", "-g", options],
            stdout=output,
            stderr=output,
        )
    try:
        _await(process, port, log)
        yield Nginx(port, files, log)
    finally:
        process.terminate()
        process.wait(20)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
