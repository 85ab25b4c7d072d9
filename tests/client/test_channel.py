"""Encrypted connections."""

import grpc
import pytest
from outdial.v1.server_info_service_pb2 import GetServerInfoResponse

from client.far_end import FarEnd
from outdial_client import Client, OutdialError, TlsConfig
from support.certificates import self_signed


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
