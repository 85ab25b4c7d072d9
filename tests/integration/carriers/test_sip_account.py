"""A whole server that dials over SIP, with its worker, and SIPp as trunk and as agent."""

import re
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.batch_pb2 import BATCH_STATE_PAUSED, Batch
from outdial.v1.call_pb2 import CallState
from outdial.v1.carrier_credentials_pb2 import SipCredentials
from outdial.v1.scheduled_call_pb2 import Disposition
from tests.integration.api.conftest import watch_to_the_end
from tests.integration.carriers.outdial import CALLER_ID, KEY, STORM, Outdial, outdial
from typing_extensions import override

from outdial_server.carriers.simulated.profile import FAULT_NAMES, SimulationProfile, Span
from outdial_server.settings import SettingsError
from support import sipp as far
from support.far_sip import Address, FarAgent, FarTrunk, Message, listening
from support.grpc import refused, with_key
from support.processes import API_KEY, ServerProcess
from support.sipp import LOOPBACK, PASSWORD, USERNAME, Sipp, needs_sipp, sipp

ANYWHERE = f"{LOOPBACK}:0"


async def add_agent(server: Outdial, agent: Sipp) -> str:
    return await server.add_agent(f"sip:ada-{{{{call_id}}}}@{agent.address}")


def live_most(trunk: Sipp) -> int:
    """Calls at once, as the trunk has seen them: from INVITE to BYE."""
    starts = re.findall("^(INVITE|BYE) ", trunk.messages.read_text(), re.MULTILINE)
    return max(accumulate(1 if start == "INVITE" else -1 for start in starts))


@needs_sipp
async def test_a_batch_is_dialled_over_a_trunk_within_its_cap(tmp_path: Path) -> None:
    people, cap = 12, 3
    async with (
        sipp(tmp_path, "trunk", far.CALLEE_TALKS, people) as trunk,
        sipp(tmp_path, "agent", far.AGENT, people) as agent,
        outdial(tmp_path, sip_listen=ANYWHERE) as server,
    ):
        assert "sip" in (await server("GetServerInfo")).carriers
        config = await server.add_config(
            SipCredentials(proxy=trunk.address, username=USERNAME, password=PASSWORD), "sip"
        )
        assert config.sip.password_hint == PASSWORD[:4]
        assert not config.sip.password
        config.max_concurrent_calls = cap
        mask = FieldMask(paths=["max_concurrent_calls"])
        await server("UpdateCarrierConfig", carrier_config=config, update_mask=mask)
        batch_id = await server.add_batch(await add_agent(server, agent), people)
        await watch_to_the_end(server.channel, KEY, batch_id)
        await trunk.assert_all_good()
        await agent.assert_all_good()
        calls = (await server("ListCalls", batch_id=batch_id, page_size=100)).calls
        shown = await server("GetCarrierConfig", carrier_config_id=config.carrier_config_id)
    assert len(calls) == people
    for one in calls:
        assert one.state == CallState.CALL_STATE_ENDED
        assert one.disposition == Disposition.DISPOSITION_ANSWERED_HUMAN
        assert one.carrier_call_id.startswith(f"{one.call_id}.")
    assert {one.call_id for one in calls} == set(
        re.findall(r"^INVITE sip:ada-([0-9a-f-]+)@", agent.messages.read_text(), re.MULTILINE)
    )
    assert live_most(trunk) == cap
    assert shown.carrier_config.active_calls == 0


class StormyTrunk(FarTrunk):
    """Loses the first packet of every sixth call, and says everything twice."""

    def __init__(self, profile: SimulationProfile) -> None:
        super().__init__(profile)
        self._seen: set[str] = set()

    @override
    def take(self, message: Message, addr: Address) -> None:
        call_id = message["call-id"]
        is_new = call_id not in self._seen
        self._seen.add(call_id)
        if message.method == "INVITE" and is_new and len(self._seen) % 6 == 0:
            return
        super().take(message, addr)

    @override
    def send(self, packet: bytes, addr: Address) -> None:
        super().send(packet, addr)
        super().send(packet, addr)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_everybody_is_rung_once_in_a_storm(tmp_path: Path) -> None:
    people = 120
    # Of what goes wrong, what SIP knows.
    faults = {**dict.fromkeys(FAULT_NAMES, 0.0), "create_throttled": 0.1}
    profile = replace(STORM, talk_ms=Span(500, 1_000), answered_machine=0, **faults)
    trunk, agent = StormyTrunk(profile), FarAgent()
    async with listening(trunk), listening(agent), outdial(tmp_path, sip_listen=ANYWHERE) as server:
        config = await server.add_config(SipCredentials(proxy=trunk.where), "sip")
        agent_id = await server.add_agent(f"sip:ada@{agent.where}")
        batch_id = await server.add_batch(agent_id, people)
        await watch_to_the_end(server.channel, KEY, batch_id)
        calls = (await server("ListCalls", batch_id=batch_id, page_size=1000)).calls
        shown = await server("GetCarrierConfig", carrier_config_id=config.carrier_config_id)
        trunk.switch.close()
    rung = {one.carrier_call_id: one for one in trunk.calls.values()}
    assert len({one.to for one in rung.values()}) == len(rung), "nobody twice"
    assert len({one.address for one in calls}) == len(calls) == people
    for one in calls:
        assert one.state == CallState.CALL_STATE_ENDED
        if one.carrier_call_id in rung:
            there = rung.pop(one.carrier_call_id).disposition
            assert there is not None
            assert Disposition.Name(one.disposition) == f"DISPOSITION_{there.name}"
        else:
            assert one.reason == "SIP_404"
    assert not rung, "nobody without a record here"
    assert shown.carrier_config.active_calls == 0


@needs_sipp
async def test_a_trunk_that_keeps_us_out_pauses_the_batch(tmp_path: Path) -> None:
    async with (
        sipp(tmp_path, "trunk", far.refuses(401, "Unauthorized"), 3) as trunk,
        outdial(tmp_path, sip_listen=ANYWHERE) as server,
    ):
        await server.add_config(SipCredentials(proxy=trunk.address), "sip")
        agent_id = await server.add_agent("sip:ada@127.0.0.1:9")
        batch = await server.until(await server.add_batch(agent_id, 3), BATCH_STATE_PAUSED)
        assert "SIP_401" in batch.state_reason + batch.state_detail


async def test_a_join_url_that_is_no_sip_uri_is_refused(tmp_path: Path) -> None:
    async with outdial(tmp_path, sip_listen=ANYWHERE) as server:
        await server.add_config(SipCredentials(proxy="127.0.0.1:9"), "sip")
        batch = Batch(agent_id=await server.add_agent(), display_name="x", carrier_config="main")
        wrong = await refused(server.channel, "CreateBatch", KEY, batch=batch)
        assert wrong.info.reason == "JOIN_URL_UNFIT"


async def test_a_join_url_that_udp_does_not_reach_pauses_the_batch(tmp_path: Path) -> None:
    async with outdial(tmp_path, sip_listen=ANYWHERE) as server:
        await server.add_config(SipCredentials(proxy="127.0.0.1:9"), "sip")
        agent_id = await server.add_agent("sip:ada@example.com;transport=tls")
        batch = await server.until(await server.add_batch(agent_id, 2), BATCH_STATE_PAUSED)
        assert "JOIN_URL_IS_NO_SIP_URI" in batch.state_reason + batch.state_detail


@needs_sipp
@pytest.mark.parametrize(
    ("code", "phrase", "reason"),
    [
        (200, "OK", None),
        (405, "Method Not Allowed", None),
        (403, "Forbidden", "CARRIER_CREDENTIALS_REFUSED"),
    ],
)
async def test_a_trunk_is_asked_and_nobody_is_called(
    tmp_path: Path, code: int, phrase: str, reason: str | None
) -> None:
    answers = far.scenario(far.hear("OPTIONS"), far.within(code, phrase))
    async with (
        sipp(tmp_path, "trunk", answers) as trunk,
        outdial(tmp_path, sip_listen=ANYWHERE) as server,
    ):
        config = await server.add_config(SipCredentials(proxy=trunk.address), "sip")
        asked = {"carrier_config_id": config.carrier_config_id}
        if reason is None:
            await server("CheckCarrierConfig", **asked)
        else:
            wrong = await refused(server.channel, "CheckCarrierConfig", KEY, **asked)
            assert wrong.info.reason == reason
            assert f"SIP_{code}" in wrong.message
        await trunk.assert_all_good()


@needs_sipp
async def test_a_trunk_that_asks_who_we_are_is_told(tmp_path: Path) -> None:
    answers = far.scenario(
        far.hear("OPTIONS"),
        far.challenge().replace(' retrans="500"', ""),
        far.hear("OPTIONS", far.IS_OURS, unless="ours"),
        far.within(403, "Forbidden"),
        '<label id="1"/>',
        far.within(200, "OK"),
    )
    async with (
        sipp(tmp_path, "trunk", answers) as trunk,
        outdial(tmp_path, sip_listen=ANYWHERE) as server,
    ):
        credentials = SipCredentials(proxy=trunk.address, username=USERNAME, password=PASSWORD)
        config = await server.add_config(credentials, "sip")
        await server("CheckCarrierConfig", carrier_config_id=config.carrier_config_id)
        await trunk.assert_all_good()


@needs_sipp
async def test_a_server_that_is_killed_leaves_no_call_behind(tmp_path: Path) -> None:
    database_url = f"sqlite:///{tmp_path / 'outdial.db'}"
    process = ServerProcess(
        tmp_path,
        database_url,
        None,
        OUTDIAL_SIP_LISTEN=f"{LOOPBACK}:{far.free_udp_port()}",
        OUTDIAL_OUTGOING_ALLOW=LOOPBACK,
    )
    async with (
        sipp(tmp_path, "trunk", far.CALLEE_STAYS) as trunk,
        sipp(tmp_path, "agent", far.AGENT) as agent,
    ):
        await process.start()
        async with grpc.aio.insecure_channel(process.address) as channel:
            server = Outdial(channel, "", with_key(API_KEY))
            await server.add_config(SipCredentials(proxy=trunk.address), "sip")
            await server(
                "CreateCall",
                agent_id=await add_agent(server, agent),
                address="+15551230000",
                caller_id=CALLER_ID,
                carrier_config="main",
            )
            await agent.has_seen("ACK ")
            await process.kill()
        # Nobody but the worker could have told them.
        await trunk.assert_all_good()
        await agent.assert_all_good()
        # The port is free again, and the next worker has it.
        await process.start()
        await process.stop()


async def test_without_an_address_to_listen_at_there_is_no_sip(tmp_path: Path) -> None:
    async with outdial(tmp_path) as server:
        assert "sip" not in (await server("GetServerInfo")).carriers


@pytest.mark.parametrize("address", ["192.0.2.1:0", "taken"])
async def test_an_address_that_cannot_be_had_is_named(tmp_path: Path, address: str) -> None:
    with far.taken_udp_port() as port:
        listen = f"{LOOPBACK}:{port}" if address == "taken" else address
        with pytest.raises(SettingsError, match=r"^OUTDIAL_SIP_LISTEN: "):
            async with outdial(tmp_path, sip_listen=listen):
                pass
