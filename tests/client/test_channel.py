"""Encrypted connections, and several addresses."""

import grpc
import pytest
from outdial.v1.server_info_service_pb2 import GetServerInfoResponse

from client.far_end import FarEnd
from outdial_client import Client, OutdialError, TlsConfig
from outdial_client._channel import target_of
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


async def test_of_several_servers_the_next_answers_when_one_goes_away() -> None:
    async with FarEnd() as second:
        second.answer("GetServerInfo", GetServerInfoResponse(version="second"))
        async with FarEnd() as first:
            first.answer("GetServerInfo", GetServerInfoResponse(version="first"))
            client = Client(f"{first.address}, {second.address}", api_key="key-1")
            assert (await client.server_info()).version == "first"
        assert (await client.server_info()).version == "second"
        await client.close()
        async with Client(f"{first.address},{second.address}", api_key="key-1") as later:
            assert (await later.server_info()).version == "second", "the first is not there"


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("outdial.example.com:50051", "outdial.example.com:50051"),
        ("10.0.0.1:1, 10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("[::1]:1,[fe80::2]:2", "ipv6:%5B%3A%3A1%5D%3A1,%5Bfe80%3A%3A2%5D%3A2"),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("dns:///replicas:50051", "dns:///replicas:50051"),
    ],
)
def test_addresses_are_told_to_grpc_in_its_own_words(address: str, target: str) -> None:
    assert target_of(address) == target


@pytest.mark.parametrize("address", ["a:1,b:2", "10.0.0.1:1,[::1]:1", "10.0.0.1,10.0.0.2", "1,2"])
def test_a_list_of_which_none_can_be_chosen_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must be ADDRESS:PORT,ADDRESS:PORT"):
        target_of(address)
