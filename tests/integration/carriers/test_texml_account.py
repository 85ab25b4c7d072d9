"""A whole server that dials through a TeXML application at Telnyx: its API at the far end on
loopback, webhooks signed and over HTTP. The judge is the far end's own record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
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
from support.far_carrier import FarCarrier
from support.far_telnyx import API_KEY, CONNECTION_ID, PUBLIC_KEY, signed_body
from support.far_texml import ACCOUNT_SID, TexmlFace
from support.grpc import refused


@dataclass
class Texml:
    """TeXML on loopback."""

    far: FarCarrier
    url: str

    def credentials(self, **changes: str) -> TelnyxCredentials:
        credentials = TelnyxCredentials(
            api_key=API_KEY,
            connection_id=CONNECTION_ID,
            public_key=PUBLIC_KEY,
            detect_machines=True,
            base_url=f"{self.url}/v2",
            texml_account_sid=ACCOUNT_SID,
        )
        credentials.MergeFrom(TelnyxCredentials(**changes))
        return credentials


@asynccontextmanager
async def far_texml(profile: SimulationProfile = QUICK) -> AsyncIterator[Texml]:
    async with far_end(TexmlFace(tells_sid=False), profile) as (far, url):
        yield Texml(far, url)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_everybody_is_rung_once_whatever_a_third_of_the_requests_come_to(
    tmp_path: Path,
) -> None:
    people = 120
    async with far_texml(STORM) as texml, outdial(tmp_path) as server:
        tell_again_and_again(texml.far)
        config = await server.add_config(
            texml.credentials(), "telnyx", rate=STORM_RATE, most=STORM_CAP
        )
        batch_id = await server.add_batch(await server.add_agent(), people)
        await watch_to_the_end(server.channel, KEY, batch_id)
        await assert_everybody_was_rung_once(server, texml.far, config, batch_id, people)
        heard = {one.disposition for one in texml.far.calls() if one.answered}
        assert len(heard) == 2, "people, and machines"


async def test_what_telnyx_is_told_is_the_batch_s_and_the_agent_s(tmp_path: Path) -> None:
    async with far_texml() as texml, outdial(tmp_path) as server:
        config = await server.add_config(texml.credentials(), "telnyx")
        batch_id = await server.add_batch(await server.add_agent(), 1)
        await watch_to_the_end(server.channel, KEY, batch_id)
        (body,) = texml.far.requests
    assert (body["To"], body["From"]) == ("+15551230000", CALLER_ID)
    assert (JOIN_URL in body["Texml"], body["ApplicationSid"]) == (True, CONNECTION_ID)
    token = master_key_from(MASTER_KEY).derive(f"callback URLs of {config.carrier_config_id}")
    path = f"/callbacks/telnyx/{config.carrier_config_id}/{token}/"
    assert body["StatusCallback"].startswith(server.http_url + path)


async def write(server: Outdial, config: CarrierConfig, credentials: TelnyxCredentials) -> None:
    wanted = CarrierConfig(carrier_config_id=config.carrier_config_id, telnyx=credentials)
    mask = FieldMask(paths=["telnyx"])
    await server("UpdateCarrierConfig", carrier_config=wanted, update_mask=mask)


async def test_a_machine_is_told_while_the_call_goes_on_and_kept_for_its_end(
    tmp_path: Path,
) -> None:
    machine = replace(QUICK, talk_ms=Span(60_000, 60_000), answered_human=0, answered_machine=1)
    heard = Disposition.DISPOSITION_ANSWERED_MACHINE
    async with far_texml(machine) as texml, outdial(tmp_path) as server:
        await server.add_config(texml.credentials(), "telnyx")
        made = await server(
            "CreateCall",
            agent_id=await server.add_agent(),
            address="+15551230000",
            caller_id=CALLER_ID,
            carrier_config="main",
        )
        call_id = made.call.call_id
        while (call := (await server("GetCall", call_id=call_id)).call).disposition != heard:
            pass
        assert call.state == CallState.CALL_STATE_IN_PROGRESS
        await server("EndCall", call_id=call_id)
        over = CallState.CALL_STATE_ENDED
        while (call := (await server("GetCall", call_id=call_id)).call).state != over:
            pass
        assert call.disposition == heard
        assert [one.is_live for one in texml.far.calls()] == [False]


async def test_a_batch_goes_on_with_the_credentials_that_are_put_right(tmp_path: Path) -> None:
    async with far_texml() as texml, outdial(tmp_path) as server:
        config = await server.add_config(texml.credentials(api_key="wrong"), "telnyx")
        batch_id = await server.add_batch(await server.add_agent(), 3)
        batch = await server.until(batch_id, BATCH_STATE_PAUSED)
        assert "TELNYX_10009" in batch.state_reason + batch.state_detail
        assert texml.far.calls() == []
        await write(server, config, texml.credentials())
        await server("ResumeBatch", batch_id=batch_id)
        await watch_to_the_end(server.channel, KEY, batch_id)
        assert len(texml.far.calls()) >= 2


async def test_a_callback_must_come_to_its_config_with_its_token_and_signature(
    tmp_path: Path,
) -> None:
    async with far_texml() as texml, outdial(tmp_path) as server, httpx.AsyncClient() as client:
        ours = await server.add_config(texml.credentials(), "telnyx", name="main")
        other = await server.add_config(texml.credentials(), "telnyx", name="other")
        config_id = ours.carrier_config_id
        token = master_key_from(MASTER_KEY).derive(f"callback URLs of {config_id}")
        form = urlencode({"CallSid": "v3:theirs", "CallStatus": "ringing"}).encode()
        content_type = "application/x-www-form-urlencoded"

        async def post(path: str, age: timedelta = timedelta(), body: bytes = form) -> int:
            url = f"{server.http_url}/callbacks/telnyx/{path}/call-of-nobody"
            callback = signed_body(url, form, content_type, datetime.now(UTC) - age)
            answer = await client.post(url, content=body, headers=callback.headers)
            return answer.status_code

        assert await post(f"{config_id}/{token}") == 204
        assert await post(f"{config_id}/{token}", body=form + b"x") == 403
        assert await post(f"{config_id}/{token}", timedelta(minutes=6)) == 403
        assert await post(f"{other.carrier_config_id}/{token}") == 404
        assert await post(f"{config_id}/{token}x") == 404


async def test_the_application_decides_which_parameters_there_are(tmp_path: Path) -> None:
    async with far_texml() as texml, outdial(tmp_path) as server:
        await server.add_config(texml.credentials(), "telnyx")
        batch = Batch(agent_id=await server.add_agent(), display_name="x", carrier_config="main")
        batch.carrier_params.update({"caller_id": "Ada"})
        made = await server("CreateBatch", batch=batch, draft=True)
        assert dict(made.batch.carrier_params) == {"CallerId": "Ada"}
        batch.carrier_params.update({"from_display_name": "Ada"})
        wrong = await refused(server.channel, "CreateBatch", KEY, batch=batch, draft=True)
        assert wrong.fields == ["batch.carrier_params.from_display_name"]


async def test_parameters_of_the_other_way_pause_the_batch_and_burn_no_list(
    tmp_path: Path,
) -> None:
    async with far_texml() as texml, outdial(tmp_path) as server:
        call_control = texml.credentials()
        call_control.ClearField("texml_account_sid")
        config = await server.add_config(call_control, "telnyx")
        batch = Batch(agent_id=await server.add_agent(), display_name="x", carrier_config="main")
        batch.carrier_params.update({"record_trim": "trim-silence"})
        rows = [ScheduledCall(address=f"+1555123000{n}") for n in range(3)]
        made = await server("CreateBatch", batch=batch, scheduled_calls=rows, draft=True)
        await write(server, config, texml.credentials())
        await server("StartBatch", batch_id=made.batch.batch_id)
        paused = await server.until(made.batch.batch_id, BATCH_STATE_PAUSED)
        assert "INVALID_PARAMS" in paused.state_reason + paused.state_detail
        assert (paused.counts.waiting, texml.far.requests) == (3, [])


async def test_credentials_are_checked_at_telnyx_and_nobody_is_called(tmp_path: Path) -> None:
    async with far_texml() as texml, outdial(tmp_path) as server:
        config = await server.add_config(texml.credentials(), "telnyx")
        config_id = config.carrier_config_id
        checked = await server("CheckCarrierConfig", carrier_config_id=config_id)
        assert checked.carrier_config == config
        for changes, because in (
            ({"api_key": "wrong"}, "TELNYX_10009"),
            ({"texml_account_sid": "another"}, "TELNYX_10005"),
        ):
            await write(server, config, texml.credentials(**changes))
            wrong = await refused(
                server.channel, "CheckCarrierConfig", KEY, carrier_config_id=config_id
            )
            assert wrong.info.reason == "CARRIER_CREDENTIALS_REFUSED"
            assert because in wrong.message
        assert texml.far.requests == []
