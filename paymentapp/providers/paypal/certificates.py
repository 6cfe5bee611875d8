"""Certificates that sign PayPal's webhooks: allowed addresses, and the required chain and name.

A request names the certificate that it must be verified with. So its address is checked against an
allow list before anything is fetched, and the fetched certificate must chain to a trusted root and
carry PayPal's name.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from paymentapp.clock import Clock
from paymentapp.errors import NotGenuine, NotSent
from paymentapp.loopback import is_loopback
from paymentapp.providers.http import Http

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import Certificate

log = logging.getLogger(__name__)

PAYPAL_HOSTS = frozenset(
    {"api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com"}
)
_ADDRESS = re.compile(
    r"(https?://[A-Za-z0-9.:\[\]-]+)(/v1/notifications/certs/[A-Za-z0-9_-]{1,100})"
)
# The name that PayPal's own SDKs check, in the sandbox with ".sandbox" in it:
# https://github.com/paypal/PayPal-Java-SDK, SSLUtil.validateCertificateChain
_NAME = re.compile(r"messageverificationcerts(\.[a-z0-9-]+)?\.paypal\.com")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\s", re.DOTALL)
_MAX_BYTES = 64 * 1024
_SECONDS = 5
_MAX_FETCHES = 2  # at a time; anybody can cause fetches, and must not occupy every thread
_MIN_KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class _Signer:
    """A verified key of PayPal's, valid until the first certificate of its chain expires."""

    key: RSAPublicKey
    expires_at: datetime


class Certificates:
    """Fetches, verifies and caches certificates. Any number of threads may share it."""

    def __init__(self, base_url: str, own_hosts: frozenset[str], ca: str, clock: Clock) -> None:
        """Prepare clients for the allowed hosts.

        `own_hosts` are the names of the host in `base_url`, the one that payments go to; `ca` is
        the file of the one root to trust, and is used on loopback only.
        """
        base = urlsplit(base_url)
        local = is_loopback(base.hostname or "")
        known = local or own_hosts <= PAYPAL_HOSTS
        hosts = own_hosts if known else own_hosts | PAYPAL_HOSTS
        self._clients = {
            origin: Http(
                origin, connections=_MAX_FETCHES, read_timeout=_SECONDS, max_bytes=_MAX_BYTES
            )
            for origin in (f"{base.scheme}://{host}" for host in hosts)
        }
        self._ca = Path(ca) if ca and local else None
        self._clock = clock
        self._fetches = threading.BoundedSemaphore(_MAX_FETCHES)
        self._signers: dict[str, _Signer] = {}  # only verified certificates enter it

    def key(self, url: str) -> RSAPublicKey:
        """Return the public key of the certificate at an address, once verified as PayPal's.

        Raises NotGenuine where it is not such a certificate, NotSent where that cannot be checked
        now.
        """
        address = _ADDRESS.fullmatch(url)
        client = self._clients.get(address[1].lower()) if address else None
        if address is None or client is None:
            raise NotGenuine("the certificate's address is not one of PayPal's")
        signer = self._signers.get(url)
        if signer is None or signer.expires_at <= self._clock():
            self._signers.pop(url, None)
            signer = self._signers[url] = self._verified(self._fetch(client, address[2]))
        return signer.key

    def close(self) -> None:
        """Close connections."""
        for client in self._clients.values():
            client.close()

    def _fetch(self, client: Http, path: str) -> bytes:
        """Fetch a certificate. Redirects are not followed: they could lead anywhere."""
        with self._fetch_slot():
            answer = client.call("GET", path, moves_money=False, headers={})
        if answer.ok:
            return answer.body
        if answer.status == 429 or answer.status >= 500:
            raise NotSent(
                f"HTTP_{answer.status}", "no certificate", answer.retry_after(self._clock())
            )
        raise NotGenuine("there is no certificate at its address")

    @contextmanager
    def _fetch_slot(self) -> Iterator[None]:
        if not self._fetches.acquire(blocking=False):
            raise NotSent("BUSY", "other certificates are being fetched")
        try:
            yield
        finally:
            self._fetches.release()

    def _verified(self, pem: bytes) -> _Signer:
        """Return the signer of a certificate.

        Raises NotGenuine where no chain leads from PayPal's name to a trusted root.
        """
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.x509 import DNSName
        from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

        given = _certificates(pem)
        found = next(((each, name) for each in given if (name := _name(each))), None)
        if found is None:
            raise NotGenuine("the certificate does not name PayPal's signer")
        leaf, name = found
        policy = PolicyBuilder().store(Store(self._roots())).time(self._clock())
        try:
            chain = policy.build_server_verifier(DNSName(name)).verify(
                leaf, [each for each in given if each is not leaf]
            )
        except VerificationError as error:
            log.error(
                "webhook certificate with serial %x not trusted: %s; if it is PayPal's, set "
                "PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY=paypal to have PayPal verify signatures",
                *(leaf.serial_number, str(error).partition(" (")[0]),
            )
            raise NotGenuine("the certificate does not lead to a trusted root") from None
        key = leaf.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < _MIN_KEY_BITS:
            raise NotGenuine("the certificate's key is not of the kind that PayPal signs with")
        return _Signer(key, min(each.not_valid_after_utc for each in chain))

    def _roots(self) -> list[Certificate]:
        """Return Mozilla's roots from certifi, or only the simulator's CA where it is set."""
        if self._ca is None:
            import certifi

            return _certificates(Path(certifi.where()).read_bytes())
        try:
            return _certificates(self._ca.read_bytes())
        except OSError as error:
            raise NotSent("NO_CA", "PAYMENTAPP_PAYPAL_WEBHOOK_CA cannot be read") from error


def _certificates(pem: bytes) -> list[Certificate]:
    """Parse every certificate of a PEM text; skip those that cannot be parsed."""
    from cryptography.x509 import load_pem_x509_certificate

    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # roots whose serial numbers are no longer allowed
        for block in _PEM.findall(pem + b"\n"):
            with suppress(ValueError):
                found.append(load_pem_x509_certificate(block))
    return found


def _name(certificate: Certificate) -> str | None:
    """Return the name of PayPal's signer, if the certificate is for it."""
    from cryptography.x509 import DNSName, ExtensionNotFound, SubjectAlternativeName

    try:
        extension = certificate.extensions.get_extension_for_class(SubjectAlternativeName)
    except (ExtensionNotFound, ValueError):
        return None
    names = extension.value.get_values_for_type(DNSName)
    return next((name for name in names if _NAME.fullmatch(name)), None)
