"""Certificates like those of PayPal's signer, and like a forger's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SIGNER = "messageverificationcerts.paypal.com"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the one key for all tests: generating a key takes longer than a test."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def private_pem(key: Key) -> bytes:
    """Return a private key as PEM, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Authority:
    """A CA, and the certificates above it that it sends along."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self, name: str = SIGNER, key: Key | None = None, days: tuple[float, float] = (-30, 365)
    ) -> bytes:
        """Issue a leaf certificate for a name as PEM; `days` is its validity relative to NOW."""
        made = _make(name, key or rsa_key(), self, days, is_ca=False)
        return made.public_bytes(Encoding.PEM)

    def intermediate(self) -> Authority:
        """Create a CA below this one."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Authority(_make("Intermediate CA", key, self, (-60, 700), is_ca=True), key)


def authority(name: str = "Root CA") -> Authority:
    """Create a root CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(_make(name, key, None, (-90, 3650), is_ca=True), key)


def _make(
    name: str, key: Key, issuer: Authority | None, days: tuple[float, float], *, is_ca: bool
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_key = issuer.key if issuer else key
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    usage = {"key_cert_sign": is_ca, "digital_signature": not is_ca}
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage |= dict.fromkeys((*others, "crl_sign", "encipher_only", "decipher_only"), False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not is_ca:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(names, critical=False).add_extension(use, critical=False)
    return builder.sign(issuer_key, SHA256())
