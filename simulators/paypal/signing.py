"""The key that signs the simulator's webhooks, with a certificate from the simulator's own CA.

The CA's key is discarded once it has signed. A listener that trusts this simulator configures its
CA, which is at ``/_simulator/ca``; a listener of the real PayPal never does.
"""

from __future__ import annotations

import base64
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from simulators.common.times import Clock
from simulators.paypal.state import PayPalState

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
    from cryptography.x509 import CertificateBuilder

SIGNER_NAME = "messageverificationcerts.simulator.paypal.com"
_CA_NAME = "PayPal simulator CA"
_LIFE = timedelta(days=3650)
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


class _Keys(NamedTuple):
    """PEM texts, as the state stores them."""

    key: bytes
    certificate: bytes
    ca: bytes


class Signer:
    """Signs as PayPal does; the keys are made at first use, and stored with the state."""

    def __init__(self, state: PayPalState, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: _Keys | None = None
        self._key: RSAPrivateKey | None = None

    def certificate(self) -> bytes:
        """Return the certificate of the signing key, as PEM."""
        return self._load().certificate

    def ca(self) -> bytes:
        """Return the certificate of the CA, as PEM."""
        return self._load().ca

    def certificate_id(self) -> str:
        """Return the last part of the certificate's address."""
        from cryptography.x509 import load_pem_x509_certificate

        return f"CERT-{load_pem_x509_certificate(self.certificate()).serial_number:x}"

    def sign(self, text: bytes) -> str:
        """Return the signature of a text, RSA with SHA-256, in base64."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        return base64.b64encode(self._private().sign(text, PKCS1v15(), SHA256())).decode()

    def is_signature(self, signature: str, text: bytes) -> bool:
        """Return whether this key made the signature of exactly this text."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        public = self._private().public_key()
        try:
            public.verify(base64.b64decode(signature, validate=True), text, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def _private(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        keys = self._load()
        if self._key is None:
            key = load_pem_private_key(keys.key, None)
            assert isinstance(key, RSAPrivateKey)  # noqa: S101 - made below
            self._key = key
        return self._key

    def _load(self) -> _Keys:
        with self._lock:
            if self._keys is None:
                names = [f"webhook_{name}" for name in _Keys._fields]
                if self._state.fact(names[0]) is None:
                    self._state.add_facts(dict(zip(names, self._make(), strict=True)))
                self._keys = _Keys(*(self._state.fact(name) or b"" for name in names))
            return self._keys

    def _make(self) -> _Keys:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        ca_key = ec.generate_private_key(ec.SECP256R1())
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuer = ca_key.public_key()
        ca = self._builder(_CA_NAME, issuer, issuer, is_ca=True).sign(ca_key, hashes.SHA256())
        certificate = self._builder(SIGNER_NAME, key.public_key(), issuer, is_ca=False).sign(
            ca_key, hashes.SHA256()
        )
        pem = serialization.Encoding.PEM
        private = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return _Keys(private, certificate.public_bytes(pem), ca.public_bytes(pem))

    def _builder(
        self,
        name: str,
        key: CertificateIssuerPublicKeyTypes,
        issuer: CertificateIssuerPublicKeyTypes,
        *,
        is_ca: bool,
    ) -> CertificateBuilder:
        """Return a certificate that a strict verifier accepts (RFC 5280, and browsers' rules)."""
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

        def named(common: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

        now = self._clock()
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(_CA_NAME))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + _LIFE)
        )
        usages = dict.fromkeys(_USAGES, False) | {"key_cert_sign" if is_ca else _USAGES[0]: True}
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(is_ca, 0 if is_ca else None), True),
            (x509.KeyUsage(**usages), True),
            (x509.SubjectKeyIdentifier.from_public_key(key), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False),
        ]
        if not is_ca:
            extensions.append((x509.SubjectAlternativeName([x509.DNSName(name)]), False))
            extensions.append((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder
