"""The self-signed certificate of the PBX's web server.

protocol 1.1: the factory certificate is not from a public CA.
"""

from dataclasses import dataclass
import datetime as dt
from functools import cache
import hashlib
import ipaddress
from pathlib import Path
import ssl
import tempfile
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Fixed, so that a test with a frozen clock still gets a valid certificate.
NOT_BEFORE = 2017
NOT_AFTER = 2047


@cache
def private_key() -> ec.EllipticCurvePrivateKey:
    """Return one key for the whole process; making it costs more than all else."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate together with the process's key."""

    der: bytes
    pem: bytes

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the DER form: lower-case hex, no colons."""
        return hashlib.sha256(self.der).hexdigest()

    def server_context(
        self, versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None
    ) -> ssl.SSLContext:
        """Return a context that serves this certificate.

        Args:
            versions: lowest and highest TLS version, for a PBX with an old one.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if versions is not None:
            # OpenSSL offers versions before 1.2 at security level 0 only.
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            with warnings.catch_warnings(category=DeprecationWarning):
                # That they are old is the point.
                warnings.simplefilter("ignore")
                context.minimum_version, context.maximum_version = versions
        key = private_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        # The ssl module reads certificates from files only.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pbx.pem"
            path.write_bytes(key + self.pem)
            context.load_cert_chain(path)
        return context


def make_certificate(common_name: str, host: str) -> Certificate:
    """Return a new self-signed certificate; each has another fingerprint.

    Args:
        common_name: name of the subject.
        host: address or name that the certificate is good for, so that a client
            that trusts it as a CA finds nothing to complain about.
    """
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Yeastar"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    alternative: x509.GeneralName
    try:
        alternative = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    key = private_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(NOT_BEFORE, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(NOT_AFTER, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        der=certificate.public_bytes(serialization.Encoding.DER),
        pem=certificate.public_bytes(serialization.Encoding.PEM),
    )


# cryptography remembers the class of the first datetime that it is given. Let that
# be the real one: a stopped clock's kind is a subclass and passes later, but real
# ones would not pass after a stopped one.
make_certificate("first", "127.0.0.1")
