"""Carrier configs from the SDK and the command."""

import pytest
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_config_service_pb2 import (
    CreateCarrierConfigResponse,
    DeleteCarrierConfigResponse,
    ListCarrierConfigsResponse,
    UpdateCarrierConfigResponse,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client, NewBatch

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
