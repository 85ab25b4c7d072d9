"""A whole server that dials through accounts at Telnyx: its adapter, Telnyx's API at the far end
on loopback, webhooks signed and over HTTP. The judge is the far end's own record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import BATCH_STATE_PAUSED, Batch
from outdial.v1.call_pb2 import CallState
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import TelnyxCredentials
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall
from tests.integration.api.conftest import watch_to_the_end
from tests.integration.carriers.outdial import (
    CALLER_ID,
    JOIN_URL,
    KEY,
    MASTER_KEY,
    QUICK,
    STORM,
    STORM_CAP,
    STORM_RATE,
    Outdial,
    assert_everybody_was_rung_once,
    far_end,
    outdial,
    tell_again_and_again,
)

from outdial_server.adapters.master_key import master_key_from
from outdial_server.carriers.simulated.profile import SimulationProfile, Span
from outdial_server.carriers.telnyx.create import client_state
from outdial_server.domain.ids import CallId
from support.far_carrier import FarCarrier
from support.far_telnyx import API_KEY, CONNECTION_ID, PUBLIC_KEY, TelnyxFace, signed
from support.grpc import refused
from support.processes import free_port


@dataclass
class Telnyx:
    """Telnyx on loopback."""

    far: FarCarrier
    url: str

    def credentials(self, **changes: str) -> TelnyxCredentials:
        credentials = TelnyxCredentials(
            api_key=API_KEY,
            connection_id=CONNECTION_ID,
            public_key=PUBLIC_KEY,
            detect_machines=True,
            base_url=f"{self.url}/v2",
        )
        credentials.MergeFrom(TelnyxCredentials(**changes))
        return credentials


@asynccontextmanager
async def far_telnyx(profile: SimulationProfile = QUICK) -> AsyncIterator[Telnyx]:
    async with far_end(TelnyxFace(), profile) as (far, url):
        yield Telnyx(far, url)


async def write(server: Outdial, config: CarrierConfig, credentials: TelnyxCredentials) -> None:
    wanted = CarrierConfig(carrier_config_id=config.carrier_config_id, telnyx=credentials)
    mask = FieldMask(paths=["telnyx"])
    await server("UpdateCarrierConfig", carrier_config=wanted, update_mask=mask)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_everybody_is_rung_once_whatever_a_third_of_the_requests_come_to(
    tmp_path: Path,
) -> None:
    people = 120
    async with far_telnyx(STORM) as telnyx, outdial(tmp_path) as server:
        tell_again_and_again(telnyx.far)
        config = await server.add_config(
            telnyx.credentials(), "telnyx", rate=STORM_RATE, most=STORM_CAP
        )
        batch_id = await server.add_batch(await server.add_agent(), people)
        await watch_to_the_end(server.channel, KEY, batch_id)
        await assert_everybody_was_rung_once(server, telnyx.far, config, batch_id, people)
        heard = {one.disposition for one in telnyx.far.calls() if one.answered}
        assert len(heard) == 2, "people, and machines"


async def test_what_telnyx_is_told_is_the_batch_s_and_the_agent_s(tmp_path: Path) -> None:
    async with far_telnyx() as telnyx, outdial(tmp_path) as server:
        config = await server.add_config(telnyx.credentials(), "telnyx")
        assert config.telnyx.api_key_hint == API_KEY[:4]
        assert config.telnyx.api_key == ""
        batch_id = await server.add_batch(await server.add_agent(), 1)
        await watch_to_the_end(server.channel, KEY, batch_id)
        (body,) = telnyx.far.requests
    assert (body["to"], body["from"]) == ("+15551230000", CALLER_ID)
    assert (body["stream_url"], body["connection_id"]) == (JOIN_URL, CONNECTION_ID)
    token = master_key_from(MASTER_KEY).derive(f"callback URLs of {config.carrier_config_id}")
    path = f"/callbacks/telnyx/{config.carrier_config_id}/{token}/{body['command_id']}"
    assert body["webhook_url"] == server.http_url + path
    assert body["client_state"] == client_state(CallId(body["command_id"]))


async def test_a_machine_is_told_while_the_call_goes_on_and_kept_for_its_end(
    tmp_path: Path,
) -> None:
    talking = replace(QUICK, talk_ms=Span(60_000, 60_000), answered_human=0, busy=0, no_answer=0)
    machine = replace(talking, answered_machine=1, rejected=0, failed=0, invalid_number=0)
    async with far_telnyx(machine) as telnyx, outdial(tmp_path) as server:
        await server.add_config(telnyx.credentials(), "telnyx")
        made = await server(
            "CreateCall",
            agent_id=await server.add_agent(),
            address="+15551230000",
            caller_id=CALLER_ID,
            carrier_config="main",
        )
        call_id = made.call.call_id
        heard = Disposition.DISPOSITION_ANSWERED_MACHINE
        while (call := (await server("GetCall", call_id=call_id)).call).disposition != heard:
            pass
        assert call.state == CallState.CALL_STATE_IN_PROGRESS
        await server("EndCall", call_id=call_id)
        while (call := (await server("GetCall", call_id=call_id)).call).state != (
            CallState.CALL_STATE_ENDED
        ):
            pass
        assert (call.disposition, call.reason) == (heard, "NORMAL_CLEARING")
        assert [one.is_live for one in telnyx.far.calls()] == [False]


@pytest.mark.parametrize("join_url", ["https://agent.example.com/twiml", "sip:ada@example.com"])
async def test_a_join_url_that_is_no_socket_is_refused_before_anybody_is_called(
    tmp_path: Path, join_url: str
) -> None:
    async with far_telnyx() as telnyx, outdial(tmp_path) as server:
        await server.add_config(telnyx.credentials(), "telnyx")
        agent_id = await server.add_agent()
        batch = Batch(agent_id=agent_id, display_name="x", carrier_config="main")
        people = [ScheduledCall(address="+15551230000")]
        asked = {"batch": batch, "scheduled_calls": people}
        made = await server("CreateBatch", **asked, draft=True)
        agent = Agent(agent_id=agent_id, join_url_template=join_url)
        await server("UpdateAgent", agent=agent, update_mask=FieldMask(paths=["join_url_template"]))
        call = {
            "agent_id": agent_id,
            "address": "+15551230000",
            "caller_id": CALLER_ID,
            "carrier_config": "main",
        }
        for rpc, fields in (
            ("CreateBatch", asked),
            ("StartBatch", {"batch_id": made.batch.batch_id}),
            ("CreateCall", call),
        ):
            wrong = await refused(server.channel, rpc, KEY, **fields)
            assert wrong.info.reason == "JOIN_URL_UNFIT"
            assert wrong.info.metadata == {
                "carrier": "telnyx",
                "scheme": join_url.split(":", maxsplit=1)[0],
            }
        assert telnyx.far.requests == []


async def test_a_batch_goes_on_with_the_credentials_that_are_put_right(tmp_path: Path) -> None:
    async with far_telnyx() as telnyx, outdial(tmp_path) as server:
        config = await server.add_config(telnyx.credentials(api_key="wrong"), "telnyx")
        batch_id = await server.add_batch(await server.add_agent(), 3)
        batch = await server.until(batch_id, BATCH_STATE_PAUSED)
        assert "TELNYX_10009" in batch.state_reason + batch.state_detail
        assert telnyx.far.calls() == []
        await write(server, config, telnyx.credentials())
        await server("ResumeBatch", batch_id=batch_id)
        await watch_to_the_end(server.channel, KEY, batch_id)
        assert len(telnyx.far.calls()) >= 2


async def test_credentials_are_checked_at_telnyx_and_nobody_is_called(tmp_path: Path) -> None:
    async with far_telnyx() as telnyx, outdial(tmp_path) as server:
        config = await server.add_config(telnyx.credentials(), "telnyx")
        config_id = config.carrier_config_id
        checked = await server("CheckCarrierConfig", carrier_config_id=config_id)
        assert checked.carrier_config == config
        nowhere = f"http://127.0.0.1:{free_port()}"
        for changes, reason, because in (
            ({"api_key": "wrong"}, "CARRIER_CREDENTIALS_REFUSED", "TELNYX_10009"),
            ({"connection_id": "7267"}, "CARRIER_CREDENTIALS_REFUSED", "TELNYX_10005"),
            ({"base_url": nowhere}, "CARRIER_UNAVAILABLE", "CANNOT_CONNECT"),
        ):
            await write(server, config, telnyx.credentials(**changes))
            wrong = await refused(
                server.channel, "CheckCarrierConfig", KEY, carrier_config_id=config_id
            )
            assert wrong.info.reason == reason
            assert because in wrong.message
            assert "wrong" not in wrong.message
        assert telnyx.far.requests == []


async def test_a_webhook_must_come_with_its_token_its_signature_and_in_time(
    tmp_path: Path,
) -> None:
    async with outdial(tmp_path) as server, httpx.AsyncClient() as client:
        credentials = TelnyxCredentials(
            api_key=API_KEY, connection_id=CONNECTION_ID, public_key=PUBLIC_KEY
        )
        config = await server.add_config(credentials, "telnyx")
        config_id = config.carrier_config_id
        token = master_key_from(MASTER_KEY).derive(f"callback URLs of {config_id}")

        async def post(token: str, age: timedelta = timedelta(), **headers: str) -> int:
            url = f"{server.http_url}/callbacks/telnyx/{config_id}/{token}/call-of-nobody"
            told = {"data": {"event_type": "call.answered", "payload": {}}}
            webhook = signed(url, told, datetime.now(UTC) - age)
            answer = await client.post(
                url, content=webhook.body, headers={**webhook.headers, **headers}
            )
            return answer.status_code

        assert await post(token) == 204
        assert await post(token, timedelta(minutes=4)) == 204
        assert await post(token, timedelta(minutes=6)) == 403
        assert await post(token, timedelta(minutes=-6)) == 403
        assert await post(token, **{"telnyx-signature-ed25519": "AAAA"}) == 403
        assert await post(f"{token}x") == 404
