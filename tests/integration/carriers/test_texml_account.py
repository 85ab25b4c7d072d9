"""A whole server that dials through a TeXML application at Telnyx: its API at the far end on
loopback, webhooks signed and over HTTP. The judge is the far end's own record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.batch_pb2 import BATCH_STATE_PAUSED, Batch
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import TelnyxCredentials
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.api.conftest import watch_to_the_end
from tests.integration.carriers.outdial import (
    CALLER_ID,
    JOIN_URL,
    KEY,
    MASTER_KEY,
    QUICK,
    STORM,
    assert_everybody_was_rung_once,
    far_end,
    outdial,
)

from outdial_server.adapters.master_key import master_key_from
from outdial_server.carriers.simulated.profile import SimulationProfile
from support.far_carrier import FarCarrier
from support.far_telnyx import API_KEY, CONNECTION_ID, PUBLIC_KEY
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
        config = await server.add_config(texml.credentials(), "telnyx")
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
        await server(
            "UpdateCarrierConfig",
            carrier_config=CarrierConfig(
                carrier_config_id=config.carrier_config_id, telnyx=texml.credentials()
            ),
            update_mask=FieldMask(paths=["telnyx"]),
        )
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
            await server(
                "UpdateCarrierConfig",
                carrier_config=CarrierConfig(
                    carrier_config_id=config_id, telnyx=texml.credentials(**changes)
                ),
                update_mask=FieldMask(paths=["telnyx"]),
            )
            wrong = await refused(
                server.channel, "CheckCarrierConfig", KEY, carrier_config_id=config_id
            )
            assert wrong.info.reason == "CARRIER_CREDENTIALS_REFUSED"
            assert because in wrong.message
        assert texml.far.requests == []
