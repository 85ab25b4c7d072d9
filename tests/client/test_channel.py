"""Encrypted connections."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from outdial.v1.server_info_service_pb2 import GetServerInfoResponse

from client.far_end import FarEnd
from outdial_client import Client, OutdialError, TlsConfig


def self_signed() -> tuple[bytes, bytes]:
    """A private key and a certificate for 127.0.0.1, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "far end")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, certificate.public_bytes(Encoding.PEM)


async def test_a_connection_is_encrypted_to_a_server_whose_certificate_is_known() -> None:
    key, certificate = self_signed()
    far_end = FarEnd(grpc.ssl_server_credentials([(key, certificate)]))
    far_end.answer("GetServerInfo", GetServerInfoResponse(version="1.2.3"))
    tls = TlsConfig(root_certificates=certificate)
    async with far_end, Client(far_end.address, api_key="key-1", tls=tls) as client:
        assert (await client.server_info()).version == "1.2.3"


async def test_a_server_whose_certificate_is_unknown_is_refused() -> None:
    far_end = FarEnd(grpc.ssl_server_credentials([self_signed()]))
    async with far_end, Client(far_end.address, api_key="key-1", tls=True) as client:
        with pytest.raises(OutdialError):
            await client.agents.delete("a-1")
    assert far_end.requests("DeleteAgent") == []
