"""A whole server that dials through accounts at Plivo: its adapter, Plivo's API at the far end on
loopback, callbacks signed and over HTTP. The judge is the far end's own record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.batch_pb2 import BATCH_STATE_PAUSED
from outdial.v1.call_pb2 import CallState
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import PlivoCredentials
from outdial.v1.scheduled_call_pb2 import Disposition
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
from support.far_plivo import AUTH_ID, TOKEN, PlivoFace, signed
from support.grpc import refused
from support.processes import free_port


@dataclass
class Plivo:
    """Plivo on loopback."""

    far: FarCarrier
    url: str

    def credentials(self, **changes: str) -> PlivoCredentials:
        credentials = PlivoCredentials(
            auth_id=AUTH_ID, auth_token=TOKEN, detect_machines=True, base_url=self.url
        )
        credentials.MergeFrom(PlivoCredentials(**changes))
        return credentials


@asynccontextmanager
async def far_plivo(profile: SimulationProfile = QUICK) -> AsyncIterator[Plivo]:
    async with far_end(PlivoFace(), profile) as (far, url):
        yield Plivo(far, url)


async def write(server: Outdial, config: CarrierConfig, credentials: PlivoCredentials) -> None:
    wanted = CarrierConfig(carrier_config_id=config.carrier_config_id, plivo=credentials)
    mask = FieldMask(paths=["plivo"])
    await server("UpdateCarrierConfig", carrier_config=wanted, update_mask=mask)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_everybody_is_rung_once_whatever_a_third_of_the_requests_come_to(
    tmp_path: Path,
) -> None:
    people = 120
    async with far_plivo(STORM) as plivo, outdial(tmp_path) as server:
        tell_again_and_again(plivo.far)
        config = await server.add_config(
            plivo.credentials(), "plivo", rate=STORM_RATE, most=STORM_CAP
        )
        batch_id = await server.add_batch(await server.add_agent(), people)
        await watch_to_the_end(server.channel, KEY, batch_id)
        await assert_everybody_was_rung_once(server, plivo.far, config, batch_id, people)
        heard = {one.disposition for one in plivo.far.calls() if one.answered}
        assert len(heard) == 2, "people, and machines"


async def test_what_plivo_is_told_is_the_batch_s_and_the_agent_s(tmp_path: Path) -> None:
    async with far_plivo() as plivo, outdial(tmp_path) as server:
        config = await server.add_config(plivo.credentials(), "plivo")
        assert config.plivo.auth_token_hint == TOKEN[:4]
        assert config.plivo.auth_token == ""
        batch_id = await server.add_batch(await server.add_agent(), 1)
        await watch_to_the_end(server.channel, KEY, batch_id)
        (body,) = plivo.far.requests
    assert (body["to"], body["from"]) == ("+15551230000", CALLER_ID)
    token = master_key_from(MASTER_KEY).derive(f"callback URLs of {config.carrier_config_id}")
    path = f"/callbacks/plivo/{config.carrier_config_id}/{token}/"
    assert body["hangup_url"].startswith(server.http_url + path)
    assert body["answer_url"] == (
        body["hangup_url"].removesuffix("hangup") + f"answer?{urlencode({'join': JOIN_URL})}"
    )


async def test_whoever_answers_is_connected_to_the_agent_and_a_machine_is_told(
    tmp_path: Path,
) -> None:
    talking = replace(QUICK, talk_ms=Span(60_000, 60_000), answered_human=0, busy=0, no_answer=0)
    machine = replace(talking, answered_machine=1, rejected=0, failed=0, invalid_number=0)
    async with far_plivo(machine) as plivo, outdial(tmp_path) as server:
        await server.add_config(plivo.credentials(), "plivo")
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
        (body,) = plivo.far.requests
        await plivo.far.has_told(body["answer_url"])
        stream = ET.fromstring(plivo.far.told_to_do[body["answer_url"]]).find("Stream")  # noqa: S314
        assert stream is not None
        assert stream.text == JOIN_URL
        assert stream.attrib["extraHeaders"] == f"callid={call_id.replace('-', '')}"
        await server("EndCall", call_id=call_id)
        while (call := (await server("GetCall", call_id=call_id)).call).state != (
            CallState.CALL_STATE_ENDED
        ):
            pass
        assert (call.disposition, call.reason) == (heard, "PLIVO_4000")
        assert [one.is_live for one in plivo.far.calls()] == [False]


async def test_a_batch_goes_on_with_the_credentials_that_are_put_right(tmp_path: Path) -> None:
    async with far_plivo() as plivo, outdial(tmp_path) as server:
        config = await server.add_config(plivo.credentials(auth_token="wrong"), "plivo")
        batch_id = await server.add_batch(await server.add_agent(), 3)
        batch = await server.until(batch_id, BATCH_STATE_PAUSED)
        assert "HTTP_401" in batch.state_reason + batch.state_detail
        assert plivo.far.calls() == []
        await write(server, config, plivo.credentials())
        await server("ResumeBatch", batch_id=batch_id)
        await watch_to_the_end(server.channel, KEY, batch_id)
        assert len(plivo.far.calls()) >= 2


async def test_credentials_are_checked_at_plivo_and_nobody_is_called(tmp_path: Path) -> None:
    async with far_plivo() as plivo, outdial(tmp_path) as server:
        config = await server.add_config(plivo.credentials(), "plivo")
        config_id = config.carrier_config_id
        checked = await server("CheckCarrierConfig", carrier_config_id=config_id)
        assert checked.carrier_config == config
        nowhere = f"http://127.0.0.1:{free_port()}"
        for changes, reason, because in (
            ({"auth_token": "wrong"}, "CARRIER_CREDENTIALS_REFUSED", "HTTP_401"),
            ({"auth_id": "SA" + "1" * 18}, "CARRIER_CREDENTIALS_REFUSED", "HTTP_401"),
            ({"base_url": nowhere}, "CARRIER_UNAVAILABLE", "CANNOT_CONNECT"),
        ):
            await write(server, config, plivo.credentials(**changes))
            wrong = await refused(
                server.channel, "CheckCarrierConfig", KEY, carrier_config_id=config_id
            )
            assert wrong.info.reason == reason
            assert because in wrong.message
            assert "wrong" not in wrong.message
        assert plivo.far.requests == []


async def test_a_callback_must_come_with_its_token_and_its_signature(tmp_path: Path) -> None:
    async with outdial(tmp_path) as server, httpx.AsyncClient() as client:
        credentials = PlivoCredentials(auth_id=AUTH_ID, auth_token=TOKEN)
        config = await server.add_config(credentials, "plivo")
        config_id = config.carrier_config_id
        token = master_key_from(MASTER_KEY).derive(f"callback URLs of {config_id}")
        told = {"CallUUID": "0" * 36, "CallStatus": "in-progress"}

        async def post(path: str, asked: str = "", **headers: str) -> httpx.Response:
            url = f"{server.http_url}/callbacks/plivo/{config_id}/{path}"
            callback = signed(url, told)
            return await client.post(
                asked or url, content=callback.body, headers={**callback.headers, **headers}
            )

        assert (await post(f"{token}/nobody/ring")).status_code == 204
        assert (await post(f"{token}x/nobody/ring")).status_code == 404
        forged = {"x-plivo-signature-v3": "AAAA"}
        assert (await post(f"{token}/nobody/ring", **forged)).status_code == 403
        answered = await post(f"{token}/nobody/answer?{urlencode({'join': JOIN_URL})}")
        assert (answered.status_code, JOIN_URL in answered.text) == (200, True)
        assert answered.headers["content-type"] == "application/xml"
        elsewhere = f"{server.http_url}/callbacks/plivo/{config_id}/{token}/nobody/answer"
        other = await post(
            f"{token}/nobody/answer?{urlencode({'join': JOIN_URL})}",
            f"{elsewhere}?{urlencode({'join': 'wss://somebody.example.com'})}",
        )
        assert other.status_code == 403, "where the audio goes is signed, too"
