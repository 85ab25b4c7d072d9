"""Carrier configs from the SDK and the command."""

import asyncio
import json
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_config_service_pb2 import (
    CheckCarrierConfigResponse,
    CreateCarrierConfigResponse,
    DeleteCarrierConfigResponse,
    ListCarrierConfigsResponse,
    UpdateCarrierConfigResponse,
)
from outdial.v1.carrier_credentials_pb2 import (
    PlivoCredentials,
    SipCredentials,
    TelnyxCredentials,
    TwilioCredentials,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client, NewBatch, sync

MAIN = CarrierConfig(
    carrier_config_id="k-1",
    display_name="main",
    carrier="simulated",
    max_concurrent_calls=20,
    calls_per_second=2.5,
    effective_calls_per_second=2.5,
    metadata={"team": "a"},
    active_calls=7,
    etag='"1"',
)


async def test_a_carrier_config_is_made_of_its_limits(far_end: FarEnd) -> None:
    far_end.answer("CreateCarrierConfig", CreateCarrierConfigResponse(carrier_config=MAIN))
    async with Client(far_end.address) as client:
        made = await client.carrier_configs.create(
            "main",
            "simulated",
            max_concurrent_calls=20,
            calls_per_second=2.5,
            metadata={"team": "a"},
        )
    assert made == MAIN
    (request,) = far_end.requests("CreateCarrierConfig")
    assert request.carrier_config == CarrierConfig(
        display_name="main",
        carrier="simulated",
        max_concurrent_calls=20,
        calls_per_second=2.5,
        metadata={"team": "a"},
    )
    assert request.request_id


def test_a_new_batch_names_its_carrier_config() -> None:
    new = NewBatch(agent_id="a", display_name="b", carrier_config="main")
    assert new.to_message().carrier_config == "main"


async def test_a_carrier_config_is_made_and_shown(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("CreateCarrierConfig", CreateCarrierConfigResponse(carrier_config=MAIN))
    far_end.answer("ListCarrierConfigs", ListCarrierConfigsResponse(carrier_configs=[MAIN]))
    words = "main --carrier simulated --max-concurrent 20 --calls-per-second 2.5 --label team=a"
    made = await outdial("carrier-config", "create", *words.split())
    assert made.exit_code == 0, made.output
    asked = far_end.requests("CreateCarrierConfig")[0].carrier_config
    assert (asked.carrier, asked.max_concurrent_calls) == ("simulated", 20)
    assert (asked.calls_per_second, dict(asked.metadata)) == (2.5, {"team": "a"})
    for shown in (await outdial("carrier-config", "show", "main"), await outdial(*LIST)):
        assert "simulated" in shown.stdout
        assert "2.5" in shown.stdout
        assert "7" in shown.stdout


LIST = ("carrier-config", "list")


async def test_a_rate_that_is_the_carriers_own_is_told_as_such(
    far_end: FarEnd, outdial: Outdial
) -> None:
    unset = CarrierConfig(display_name="main", carrier="x", effective_calls_per_second=1)
    far_end.answer("ListCarrierConfigs", ListCarrierConfigsResponse(carrier_configs=[unset]))
    shown = await outdial("carrier-config", "show", "main")
    assert "1 (the carrier's)" in shown.stdout


@pytest.mark.parametrize("rate", ["-1", "1001", "fast"])
async def test_a_rate_out_of_range_is_a_usage_error(outdial: Outdial, rate: str) -> None:
    result = await outdial(
        "carrier-config", "create", "main", "--carrier", "x", "--calls-per-second", rate
    )
    assert result.exit_code == 2
    assert "--calls-per-second" in result.stderr


async def test_a_hold_is_shown_and_lifted(far_end: FarEnd, outdial: Outdial) -> None:
    held = CarrierConfig(
        carrier_config_id="k-1",
        display_name="main",
        carrier="x",
        calls_per_second=8,
        effective_calls_per_second=4,
        held_reason="CARRIER_FAILING",
        last_failure="HTTP_503",
        held_until=Timestamp(seconds=1_772_442_000),
    )
    far_end.answer("ListCarrierConfigs", ListCarrierConfigsResponse(carrier_configs=[held]))
    far_end.answer("UpdateCarrierConfig", UpdateCarrierConfigResponse(carrier_config=MAIN))
    shown = (await outdial("carrier-config", "show", "main")).stdout
    assert "carrier failing (HTTP_503) until 2026-03-02" in shown
    assert "4 (of 8, rising again)" in shown
    lifted = await outdial("carrier-config", "update", "main", "--resume")
    assert lifted.exit_code == 0, lifted.output
    (request,) = far_end.requests("UpdateCarrierConfig")
    assert list(request.update_mask.paths) == ["held_until"]
    assert not request.carrier_config.HasField("held_until")


async def test_a_carrier_config_is_changed_and_deleted_by_its_name(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("ListCarrierConfigs", ListCarrierConfigsResponse(carrier_configs=[MAIN]))
    far_end.answer("UpdateCarrierConfig", UpdateCarrierConfigResponse(carrier_config=MAIN))
    far_end.answer("DeleteCarrierConfig", DeleteCarrierConfigResponse())
    changed = await outdial("carrier-config", "update", "main", "--calls-per-second", "0")
    assert changed.exit_code == 0, changed.output
    (request,) = far_end.requests("UpdateCarrierConfig")
    assert list(request.update_mask.paths) == ["calls_per_second"]
    config = request.carrier_config
    assert (config.carrier_config_id, config.etag, config.calls_per_second) == ("k-1", '"1"', 0)
    assert (await outdial("carrier-config", "update", "main")).exit_code == 2
    deleted = await outdial("carrier-config", "delete", "main")
    assert deleted.exit_code == 0, deleted.output
    assert far_end.requests("DeleteCarrierConfig")[0].carrier_config_id == "k-1"


SECRET = "open-sesame-open-sesame"
TWILIO = CarrierConfig(
    carrier_config_id="k-2",
    display_name="t",
    carrier="twilio",
    twilio=TwilioCredentials(
        account_sid="AC0", auth_token_hint="open", detect_machines=True, base_url="https://x"
    ),
)
GIVEN = {"account_sid": "AC0", "auth_token": SECRET, "detect_machines": True}


async def test_credentials_are_given_with_a_carrier_config(far_end: FarEnd) -> None:
    far_end.answer("CreateCarrierConfig", CreateCarrierConfigResponse(carrier_config=TWILIO))
    credentials = TwilioCredentials(account_sid="AC0", auth_token=SECRET)
    async with Client(far_end.address) as client:
        await client.carrier_configs.create("t", "twilio", twilio=credentials)
    assert far_end.requests("CreateCarrierConfig")[0].carrier_config.twilio == credentials


async def test_credentials_are_those_of_one_carrier(far_end: FarEnd) -> None:
    far_end.answer("CreateCarrierConfig", CreateCarrierConfigResponse(carrier_config=TWILIO))
    credentials = TelnyxCredentials(api_key=SECRET, connection_id="1", public_key="key")
    async with Client(far_end.address) as client:
        create = client.carrier_configs.create
        await create("t", "telnyx", telnyx=credentials)
        with pytest.raises(ValueError, match="one carrier"):
            await create("t", "telnyx", telnyx=credentials, twilio=TwilioCredentials())
        with pytest.raises(ValueError, match="one carrier"):
            await create("t", "plivo", plivo=PlivoCredentials(), telnyx=credentials)
    (request,) = far_end.requests("CreateCarrierConfig")
    assert request.carrier_config.telnyx == credentials


async def test_the_client_without_asyncio_gives_credentials_just_so(far_end: FarEnd) -> None:
    far_end.answer("CreateCarrierConfig", CreateCarrierConfigResponse(carrier_config=TWILIO))
    credentials = SipCredentials(proxy="trunk.example.net", username="u", password=SECRET)

    def create() -> None:
        with sync.Client(far_end.address) as client:
            client.carrier_configs.create("t", "sip", sip=credentials)

    await asyncio.to_thread(create)
    assert far_end.requests("CreateCarrierConfig")[0].carrier_config.sip == credentials


@pytest.mark.parametrize("from_stdin", [True, False])
async def test_credentials_come_from_a_file_or_a_pipe(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path, from_stdin: bool
) -> None:
    far_end.answer("CreateCarrierConfig", CreateCarrierConfigResponse(carrier_config=TWILIO))
    file = tmp_path / "twilio.json"
    file.write_text(json.dumps(GIVEN))
    made = await outdial(
        *("carrier-config", "create", "t", "--carrier", "twilio"),
        *("--credentials", "-" if from_stdin else str(file)),
        stdin=file.read_bytes() if from_stdin else b"",
    )
    assert made.exit_code == 0, made.output
    assert far_end.requests("CreateCarrierConfig")[0].carrier_config.twilio == TwilioCredentials(
        **GIVEN
    )


async def test_credentials_are_changed_as_a_whole_and_shown_by_their_beginning(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    far_end.answer("ListCarrierConfigs", ListCarrierConfigsResponse(carrier_configs=[TWILIO]))
    far_end.answer("UpdateCarrierConfig", UpdateCarrierConfigResponse(carrier_config=TWILIO))
    file = tmp_path / "twilio.json"
    file.write_text(json.dumps(GIVEN))
    changed = await outdial("carrier-config", "update", "t", "--credentials", str(file))
    assert changed.exit_code == 0, changed.output
    (request,) = far_end.requests("UpdateCarrierConfig")
    assert list(request.update_mask.paths) == ["twilio"]
    assert request.carrier_config.twilio == TwilioCredentials(**GIVEN)
    shown = await outdial("carrier-config", "show", "t")
    for part in ("AC0", "open...", "https://x", "yes"):
        assert part in shown.stdout


@pytest.mark.parametrize(
    ("carrier", "text", "says"),
    [
        ("simulated", json.dumps(GIVEN), "has no credentials"),
        ("twilio", SECRET, "is no JSON"),
        ("twilio", json.dumps([SECRET]), "is no JSON object"),
        ("twilio", json.dumps({"token": SECRET}), "there is no 'token'; there is account_sid"),
        ("twilio", json.dumps({"auth_token": [SECRET]}), "auth_token must be text"),
        ("twilio", json.dumps({"detect_machines": SECRET}), "must be true or false"),
        ("twilio", None, "No such file"),
    ],
)
async def test_wrong_credentials_are_refused_without_a_word_of_them(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path, carrier: str, text: str | None, says: str
) -> None:
    file = tmp_path / "twilio.json"
    if text is not None:
        file.write_text(text)
    result = await outdial(
        *("carrier-config", "create", "t", "--carrier", carrier, "--credentials", str(file))
    )
    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert SECRET not in result.output
    assert not far_end.requests("CreateCarrierConfig")


async def test_a_carrier_config_is_checked_by_its_name(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListCarrierConfigs", ListCarrierConfigsResponse(carrier_configs=[TWILIO]))
    far_end.answer("CheckCarrierConfig", CheckCarrierConfigResponse(carrier_config=TWILIO))
    checked = await outdial("carrier-config", "check", "t")
    assert checked.exit_code == 0, checked.output
    assert "twilio takes the credentials of t" in checked.output
    assert far_end.requests("CheckCarrierConfig")[0].carrier_config_id == "k-2"
