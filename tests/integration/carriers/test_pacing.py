"""A whole server and an account at a carrier that turns requests away, or does not work: what is
shown of it, and that everybody is called in the end, once."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import TwilioCredentials
from outdial.v1.phone_number_pb2 import PhoneNumber
from tests.integration.api.conftest import watch_to_the_end
from tests.integration.carriers.outdial import KEY, QUICK, Outdial, far_end, outdial

from support.far_twilio import SID, TOKEN, TwilioFace
from support.processes import free_port

ALL_TAKEN = replace(QUICK, invalid_number=0)


async def account(server: Outdial, url: str) -> str:
    credentials = TwilioCredentials(account_sid=SID, auth_token=TOKEN, base_url=url)
    return (await server.add_config(credentials)).carrier_config_id


async def shown(server: Outdial, config_id: str) -> CarrierConfig:
    found: CarrierConfig = (
        await server("GetCarrierConfig", carrier_config_id=config_id)
    ).carrier_config
    return found


async def lift(server: Outdial, config_id: str) -> None:
    wanted = CarrierConfig(carrier_config_id=config_id)
    mask = FieldMask(paths=["held_until"])
    await server("UpdateCarrierConfig", carrier_config=wanted, update_mask=mask)


async def held(server: Outdial, config_id: str) -> CarrierConfig:
    """Until it is, however little the machine gets done meanwhile."""
    while not (found := await shown(server, config_id)).held_reason:
        pass
    return found


async def nobody_asked_for(server: Outdial, batch_id: str) -> None:
    """Until each answer is known: one from before a hold was lifted would bring it back."""
    while (await server("GetBatch", batch_id=batch_id)).batch.counts.dialing:
        pass


@pytest.mark.timeout(60)
async def test_an_account_that_turns_everybody_away_is_shown_and_its_hold_is_lifted(
    tmp_path: Path,
) -> None:
    throttling, face = replace(ALL_TAKEN, create_throttled=1), TwilioFace()
    face.retry_after = 3600
    async with far_end(face, throttling) as (far, url), outdial(tmp_path) as server:
        config_id = await account(server, url)
        batch_id = await server.add_batch(await server.add_agent(), 5)
        found = await held(server, config_id)
        assert found.held_reason == "CARRIER_ASKED_TO_WAIT"
        assert found.HasField("held_until")
        assert found.effective_calls_per_second < found.calls_per_second
        assert far.calls() == []
        await nobody_asked_for(server, batch_id)
        far.profile = ALL_TAKEN
        await lift(server, config_id)
        await watch_to_the_end(server.channel, KEY, batch_id)
        assert set(Counter(call.to for call in far.calls()).values()) == {1}
        assert len(far.calls()) == 5
        assert (await shown(server, config_id)).held_reason == ""


@pytest.mark.timeout(60)
async def test_an_account_that_cannot_be_reached_is_left_alone_and_explained(
    tmp_path: Path,
) -> None:
    async with outdial(tmp_path) as server:
        config_id = await account(server, f"http://127.0.0.1:{free_port()}")
        batch_id = await server.add_batch(await server.add_agent(), 30)
        found = await held(server, config_id)
        assert (found.held_reason, found.last_failure) == ("CARRIER_FAILING", "CANNOT_CONNECT")
        explained = (await server("ExplainBatch", batch_id=batch_id)).explanation
        (gate,) = [gate for gate in explained.gates if gate.name == "carrier_account"]
        assert gate.reason == "CARRIER_FAILING"
        assert "one call tries it again" in gate.sentence
        counts = (await server("GetBatch", batch_id=batch_id)).batch.counts
        assert (counts.failed, counts.unknown) == (0, 0)


@pytest.mark.timeout(60)
async def test_numbers_that_are_refused_are_left_out_and_the_others_shown(tmp_path: Path) -> None:
    good, bad = "+15550001111", "+15550002222"
    face = TwilioFace()
    face.refused_caller_ids.add(bad)
    async with far_end(face, ALL_TAKEN) as (far, url), outdial(tmp_path) as server:
        config_id = await account(server, url)
        numbers = {
            address: (
                await server("CreatePhoneNumber", phone_number=PhoneNumber(address=address))
            ).phone_number.phone_number_id
            for address in (good, bad)
        }
        batch_id = await server.add_batch(
            await server.add_agent(), 20, caller_id="", phone_numbers=[good, bad]
        )
        await watch_to_the_end(server.channel, KEY, batch_id)
        assert Counter(call.caller_id for call in far.calls()) == {good: 20}
        found = await server("GetPhoneNumber", phone_number_id=numbers[bad])
        assert found.phone_number.held_reason == "CALLER_ID_REFUSED"
        assert found.phone_number.last_failure == "TWILIO_21212"
        found = await server("GetPhoneNumber", phone_number_id=numbers[good])
        assert found.phone_number.held_reason == ""
        assert (await shown(server, config_id)).held_reason == ""
