"""A whole server that dials through accounts at Twilio: its adapter, Twilio's API at the far end
on loopback, callbacks signed and over HTTP. The judge is the far end's own record."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import time_ns

import httpx
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import (
    BATCH_STATE_PAUSED,
    BATCH_STATE_RUNNING,
    ROTATION_ROUND_ROBIN,
    Batch,
)
from outdial.v1.call_pb2 import CallState
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import TwilioCredentials
from outdial.v1.phone_number_pb2 import PhoneNumber
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from structlog.testing import capture_logs
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
from typer.testing import CliRunner, Result

from outdial_server.adapters.master_key import master_key_from
from outdial_server.carriers.simulated.profile import SimulationProfile, Span
from outdial_server.cli.main import app
from support.far_carrier import FarCarrier
from support.far_twilio import KEY_SECRET, KEY_SID, SID, TOKEN, TwilioFace, signed
from support.grpc import refused
from support.processes import free_port

CREDENTIALS = TwilioCredentials(account_sid=SID, auth_token=TOKEN, detect_machines=True)


@dataclass
class Twilio:
    """Twilio on loopback."""

    far: FarCarrier
    url: str
    sid: str = SID
    token: str = TOKEN

    def credentials(self, token: str = "") -> TwilioCredentials:
        return TwilioCredentials(
            account_sid=self.sid,
            auth_token=token or self.token,
            detect_machines=True,
            base_url=self.url,
        )


@asynccontextmanager
async def far_twilio(
    profile: SimulationProfile = QUICK, sid: str = SID, token: str = TOKEN
) -> AsyncIterator[Twilio]:
    async with far_end(TwilioFace(sid, token), profile) as (far, url):
        yield Twilio(far, url, sid, token)


# --- dialled to the end


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_everybody_is_rung_once_whatever_a_third_of_the_requests_come_to(
    tmp_path: Path,
) -> None:
    people = 120
    async with far_twilio(STORM) as twilio, outdial(tmp_path) as server:
        tell_again_and_again(twilio.far)
        config = await server.add_config(twilio.credentials(), rate=STORM_RATE, most=STORM_CAP)
        batch_id = await server.add_batch(await server.add_agent(), people)
        await watch_to_the_end(server.channel, KEY, batch_id)
        await assert_everybody_was_rung_once(server, twilio.far, config, batch_id, people)


async def test_what_twilio_is_told_is_the_batch_s_and_the_agent_s(tmp_path: Path) -> None:
    async with far_twilio() as twilio, outdial(tmp_path) as server:
        config = await server.add_config(twilio.credentials())
        batch_id = await server.add_batch(await server.add_agent(), 1)
        await watch_to_the_end(server.channel, KEY, batch_id)
        (form,) = twilio.far.requests
    assert form["To"] == ["+15551230000"]
    assert form["From"] == [CALLER_ID]
    assert JOIN_URL in form["Twiml"][0]
    token = master_key_from(MASTER_KEY).derive(f"callback URLs of {config.carrier_config_id}")
    path = f"/callbacks/twilio/{config.carrier_config_id}/{token}/"
    assert form["StatusCallback"][0].startswith(server.http_url + path)


async def test_the_calls_of_each_number_arrive_at_the_account_that_it_is_of(
    tmp_path: Path,
) -> None:
    front, back, mere = CALLER_ID, "+15550002222", "+15550003333"
    async with (
        far_twilio() as east,
        far_twilio(sid="AC" + "2" * 32, token="another-token") as west,
        outdial(tmp_path) as server,
    ):
        agent_id = await server.add_agent()
        configs = {}
        for name, address, twilio in (("east", front, east), ("west", back, west)):
            configs[address] = await server.add_config(twilio.credentials(), name=name)
            number = PhoneNumber(address=address, carrier_config=name)
            made = await server("CreatePhoneNumber", phone_number=number)
            number_id = made.phone_number.phone_number_id
            await server("BindPhoneNumber", phone_number_id=number_id, agent_id=agent_id)
        shown = [*[""] * 6, front, back, mere]
        rows = [
            ScheduledCall(address=f"+1555123{n:04d}", caller_id=text)
            for n, text in enumerate(shown)
        ]
        batch = Batch(agent_id=agent_id, display_name="x", rotation=ROTATION_ROUND_ROBIN)
        made = await server("CreateBatch", batch=batch, scheduled_calls=rows)
        batch_id = made.batch.batch_id
        assert made.batch.carrier == "twilio"

        # Who is to be shown a mere text waits, and is dialled once the batch names a config.
        over = len(shown) - 1
        await server.when(batch_id, lambda b: b.counts.completed + b.counts.failed == over)
        listed = await server("ListScheduledCalls", batch_id=batch_id)
        (waits,) = [row for row in listed.scheduled_calls if row.caller_id == mere]
        told = await server("ExplainScheduledCall", scheduled_call_id=waits.scheduled_call_id)
        assert told.explanation.verdict.reason == "CALLER_ID_WITHOUT_CONFIG"
        await server(
            "UpdateBatch",
            batch=Batch(batch_id=batch_id, carrier_config="east"),
            update_mask=FieldMask(paths=["carrier_config"]),
        )
        await watch_to_the_end(server.channel, KEY, batch_id)

        for address, twilio in ((front, east), (back, west)):
            also = [mere] if twilio is east else []
            assert sorted(form["From"][0] for form in twilio.far.requests) == [address] * 4 + also
            config_id = configs[address].carrier_config_id
            config = await server("GetCarrierConfig", carrier_config_id=config_id)
            assert config.carrier_config.active_calls == 0
        calls = (await server("ListCalls", batch_id=batch_id, page_size=100)).calls
        assert {(one.caller_id, one.carrier_config) for one in calls} == {
            (front, configs[front].carrier_config_id),
            (back, configs[back].carrier_config_id),
            (mere, configs[front].carrier_config_id),
        }
        assert {one.state for one in calls} == {CallState.CALL_STATE_ENDED}


async def test_a_call_is_hung_up_through_the_account_that_it_went_through(tmp_path: Path) -> None:
    talking = replace(QUICK, talk_ms=Span(60_000, 60_000), answered_human=1, busy=0, no_answer=0)
    async with far_twilio(replace(talking, answered_machine=0)) as twilio, outdial(tmp_path) as s:
        await s.add_config(twilio.credentials())
        made = await s(
            "CreateCall",
            agent_id=await s.add_agent(),
            address="+15551230000",
            caller_id=CALLER_ID,
            carrier_config="main",
        )
        call_id = made.call.call_id
        while (await s("GetCall", call_id=call_id)).call.state != CallState.CALL_STATE_IN_PROGRESS:
            pass
        await s("EndCall", call_id=call_id)
        while (await s("GetCall", call_id=call_id)).call.state != CallState.CALL_STATE_ENDED:
            pass
        assert [one.is_live for one in twilio.far.calls()] == [False]


# --- credentials


async def test_a_batch_goes_on_with_the_credentials_that_are_put_right(tmp_path: Path) -> None:
    async with far_twilio() as twilio, outdial(tmp_path) as server:
        config = await server.add_config(twilio.credentials("a-token-that-is-wrong"))
        batch_id = await server.add_batch(await server.add_agent(), 3)
        batch = await server.until(batch_id, BATCH_STATE_PAUSED)
        assert "20003" in batch.state_reason + batch.state_detail
        assert twilio.far.calls() == []
        await server(
            "UpdateCarrierConfig",
            carrier_config=CarrierConfig(
                carrier_config_id=config.carrier_config_id, twilio=twilio.credentials()
            ),
            update_mask=FieldMask(paths=["twilio"]),
        )
        await server("ResumeBatch", batch_id=batch_id)
        await watch_to_the_end(server.channel, KEY, batch_id)
        assert len(twilio.far.calls()) >= 2


async def test_another_master_key_holds_the_calls_and_says_so(tmp_path: Path) -> None:
    async with far_twilio() as twilio:
        async with outdial(tmp_path) as server:
            config = await server.add_config(twilio.credentials())
        with capture_logs() as logs:
            async with outdial(tmp_path, master_key="another one") as server:
                batch_id = await server.add_batch(await server.add_agent(), 2)
                explained = await server("ExplainBatch", batch_id=batch_id)
                gates = {gate.name: gate for gate in explained.explanation.gates}
                assert not gates["carrier"].open
                assert gates["carrier"].reason == "CARRIER_NOT_CONFIGURED"
                batch = (await server("GetBatch", batch_id=batch_id)).batch
                assert batch.state == BATCH_STATE_RUNNING
        (line,) = [one for one in logs if one["event"] == "carrier.credentials_unreadable"]
        assert line["carrier_config_id"] == config.carrier_config_id
        assert "sealed with the master key" in line["cause"]
        assert twilio.far.requests == []


async def test_a_master_key_is_rotated_while_calls_of_the_old_one_go_on(tmp_path: Path) -> None:
    old, new = {"master_key": MASTER_KEY}, {"master_key": "the next master key"}
    both = new | {"old_master_keys": MASTER_KEY}
    url = f"sqlite:///{tmp_path / 'outdial.db'}"
    environment = {f"OUTDIAL_{name.upper()}": value for name, value in both.items()}
    environment["OUTDIAL_DATABASE_URL"] = url

    async def dials(server: Outdial) -> None:
        batch_id = await server.add_batch(await server.add_agent(name=f"Ada {time_ns()}"), 1)
        await watch_to_the_end(server.channel, KEY, batch_id)

    async def rotate() -> Result:
        command = ["rotate-master-key"]
        return await asyncio.to_thread(CliRunner().invoke, app, command, env=environment)

    async with far_twilio() as twilio:
        async with outdial(tmp_path, **old) as server:
            config = await server.add_config(twilio.credentials())
        path = f"callbacks/twilio/{config.carrier_config_id}"
        tokens = {
            key: master_key_from(key).derive(f"callback URLs of {config.carrier_config_id}")
            for key in (MASTER_KEY, new["master_key"])
        }

        async def is_let_in(server: Outdial, key: str) -> int:
            callback = signed(
                f"{server.http_url}/{path}/{tokens[key]}/call-of-nobody",
                {"CallSid": "CA" + "0" * 32, "CallStatus": "ringing"},
            )
            async with httpx.AsyncClient() as client:
                answer = await client.post(
                    callback.url, content=callback.body, headers=callback.headers
                )
            return answer.status_code

        async with outdial(tmp_path, **both) as server:
            await dials(server)
            assert [await is_let_in(server, key) for key in tokens] == [204, 204]
        told = await rotate()
        assert (told.exit_code, told.stdout) == (
            0,
            "sealed anew: credentials of carrier configs 1\n",
        )
        assert (await rotate()).stdout == "sealed anew: nothing was left\n"
        async with outdial(tmp_path, **new) as server:
            await dials(server)
            assert [await is_let_in(server, key) for key in tokens] == [404, 204]


async def test_credentials_are_checked_at_twilio_and_nobody_is_called(tmp_path: Path) -> None:
    async with far_twilio() as twilio, outdial(tmp_path) as server:
        config = await server.add_config(twilio.credentials())
        config_id = config.carrier_config_id

        async def write(**changes: str) -> None:
            credentials = twilio.credentials()
            credentials.MergeFrom(TwilioCredentials(**changes))
            await server(
                "UpdateCarrierConfig",
                carrier_config=CarrierConfig(carrier_config_id=config_id, twilio=credentials),
                update_mask=FieldMask(paths=["twilio"]),
            )

        async def refusal_of(**changes: str) -> tuple[str, str]:
            await write(**changes)
            wrong = await refused(
                server.channel, "CheckCarrierConfig", KEY, carrier_config_id=config_id
            )
            return wrong.info.reason, wrong.message

        assert (
            await server("CheckCarrierConfig", carrier_config_id=config_id)
        ).carrier_config == config
        good_key = {"api_key_sid": KEY_SID, "api_key_secret": KEY_SECRET}
        await write(**good_key)
        await server("CheckCarrierConfig", carrier_config_id=config_id)

        for wrong in (
            {"auth_token": "wrong"},
            {"account_sid": "AC" + "1" * 32},
            {**good_key, "auth_token": "wrong"},
            {**good_key, "api_key_secret": "wrong"},
        ):
            reason, message = await refusal_of(**wrong)
            assert reason == "CARRIER_CREDENTIALS_REFUSED"
            assert "wrong" not in message
        reason, message = await refusal_of(base_url=f"http://127.0.0.1:{free_port()}")
        assert (reason, "CANNOT_CONNECT" in message) == ("CARRIER_UNAVAILABLE", True)
        await server(
            "UpdateCarrierConfig",
            carrier_config=CarrierConfig(carrier_config_id=config_id),
            update_mask=FieldMask(paths=["twilio"]),
        )
        wrong_one = await refused(
            server.channel, "CheckCarrierConfig", KEY, carrier_config_id=config_id
        )
        assert wrong_one.info.reason == "CARRIER_NOT_CONFIGURED"
        assert twilio.far.requests == []


# --- refused at once


async def test_what_a_batch_lacks_is_said_when_it_is_made(tmp_path: Path) -> None:
    rows = [ScheduledCall(address="+15551230000")]
    async with outdial(tmp_path) as server:
        config = await server.add_config(None)
        agent_id = await server.add_agent()
        for said, fields in (
            ("no carrier of its own", {}),
            ("'twilio' need a carrier config", {"carrier": "twilio"}),
            ("no credentials for 'twilio'", {"carrier_config": "main"}),
        ):
            batch = Batch(agent_id=agent_id, display_name="x", **fields)
            wrong = await refused(
                server.channel, "CreateBatch", KEY, batch=batch, scheduled_calls=rows
            )
            assert wrong.info.reason == "CARRIER_NOT_CONFIGURED"
            assert said in wrong.message
        await server(
            "UpdateCarrierConfig",
            carrier_config=CarrierConfig(
                carrier_config_id=config.carrier_config_id, twilio=CREDENTIALS
            ),
            update_mask=FieldMask(paths=["twilio"]),
        )
        batch = Batch(
            agent_id=await server.add_agent("", "Bob"), display_name="x", carrier_config="main"
        )
        wrong = await refused(server.channel, "CreateBatch", KEY, batch=batch, scheduled_calls=rows)
        assert (wrong.info.reason, wrong.info.metadata["carrier"]) == (
            "AGENT_HAS_NO_JOIN_URL",
            "twilio",
        )


async def test_what_a_draft_lacks_by_now_is_said_when_it_is_started(tmp_path: Path) -> None:
    async with far_twilio() as twilio, outdial(tmp_path) as server:
        config = await server.add_config(twilio.credentials())
        agent_id = await server.add_agent()
        made = await server(
            "CreateBatch",
            batch=Batch(
                agent_id=agent_id, display_name="x", carrier_config="main", caller_id=CALLER_ID
            ),
            scheduled_calls=[ScheduledCall(address="+15551230000")],
            draft=True,
        )
        batch_id = made.batch.batch_id

        async def write_agent(join_url: str) -> None:
            agent = Agent(agent_id=agent_id, join_url_template=join_url)
            mask = FieldMask(paths=["join_url_template"])
            await server("UpdateAgent", agent=agent, update_mask=mask)

        async def write_credentials(credentials: TwilioCredentials | None) -> None:
            wanted = CarrierConfig(carrier_config_id=config.carrier_config_id, twilio=credentials)
            mask = FieldMask(paths=["twilio"])
            await server("UpdateCarrierConfig", carrier_config=wanted, update_mask=mask)

        async def refusal_of_start() -> str:
            wrong = await refused(server.channel, "StartBatch", KEY, batch_id=batch_id)
            return wrong.info.reason

        await write_agent("")
        assert await refusal_of_start() == "AGENT_HAS_NO_JOIN_URL"
        await write_agent(JOIN_URL)
        await write_credentials(None)
        assert await refusal_of_start() == "CARRIER_NOT_CONFIGURED"
        await write_credentials(twilio.credentials())
        await server("StartBatch", batch_id=batch_id)
        await watch_to_the_end(server.channel, KEY, batch_id)


async def test_a_base_url_that_is_not_public_needs_the_operator_s_word(tmp_path: Path) -> None:
    async with far_twilio() as twilio, outdial(tmp_path, outgoing_allow="") as server:
        config = CarrierConfig(display_name="main", carrier="twilio", twilio=twilio.credentials())
        wrong = await refused(server.channel, "CreateCarrierConfig", KEY, carrier_config=config)
        assert wrong.fields == ["carrier_config.twilio.base_url"]


async def test_simulated_calls_go_to_nobody_whatever_the_carrier_config(tmp_path: Path) -> None:
    async with (
        far_twilio() as twilio,
        outdial(tmp_path, simulate=True, simulate_profile="fast") as server,
    ):
        await server.add_config(twilio.credentials())
        batch_id = await server.add_batch(await server.add_agent(""), 3)
        await watch_to_the_end(server.channel, KEY, batch_id)
        assert twilio.far.requests == []


# --- callbacks


async def test_a_callback_must_come_to_its_config_with_its_token_and_signature(
    tmp_path: Path,
) -> None:
    async with outdial(tmp_path) as server, httpx.AsyncClient() as client:
        config = await server.add_config(CREDENTIALS)
        other = (
            await server(
                "CreateCarrierConfig",
                carrier_config=CarrierConfig(
                    display_name="b", carrier="twilio", twilio=CREDENTIALS
                ),
            )
        ).carrier_config
        config_id, other_id = config.carrier_config_id, other.carrier_config_id
        key = master_key_from(MASTER_KEY)
        token = key.derive(f"callback URLs of {config_id}")

        async def post(path: str, **changes: str) -> int:
            url = f"{server.http_url}/callbacks/twilio/{path}/call-of-nobody"
            told = {"CallSid": "CA" + "0" * 32, "CallStatus": "ringing"}
            callback = signed(url, told)
            headers = {**callback.headers, **changes}
            return (await client.post(url, content=callback.body, headers=headers)).status_code

        assert await post(f"{config_id}/{token}") == 204
        wrong = {"x-twilio-signature": "AAAA"}
        assert await post(f"{config_id}/{token}", **wrong) == 403
        assert await post(f"{other_id}/{token}") == 404
        assert await post(f"{config_id}/{token}x") == 404
        assert await post(f"{config_id.upper()}/{token}") == 404
        # The token of carriers that have one account opens none of the others'.
        assert await post(key.derive("callback URLs")) == 404
