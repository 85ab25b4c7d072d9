"""Carrier configs of an account, and what holds the batches that name them."""

from outdial_server.domain.carrier_config import CarrierConfig, CarrierConfigFields, CarrierRates
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.ids import BatchId, CarrierConfigId
from support.stores import World

NO_DEFAULTS = CarrierRates({})


async def make_config(
    world: World,
    calls_at_once: int | None = None,
    rate: float | None = None,
    *,
    name: str = "main",
    rates: CarrierRates = NO_DEFAULTS,
    carrier: str = "simulated",
) -> CarrierConfig:
    return await world.store.carrier_configs.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        carrier,
        CarrierConfigFields(name, calls_at_once, rate),
        rates,
    )


async def change_config(
    world: World,
    config: CarrierConfig,
    calls_at_once: int | None = None,
    rate: float | None = None,
    *,
    name: str = "main",
) -> CarrierConfig:
    return await world.store.carrier_configs.change_carrier_config(
        world.account_id,
        config.carrier_config_id,
        lambda _: CarrierConfigFields(name, calls_at_once, rate),
        NO_DEFAULTS,
    )


async def read_config(world: World, config: CarrierConfig) -> CarrierConfig:
    return await world.store.carrier_configs.get_carrier_config(
        world.account_id, config.carrier_config_id
    )


async def gates(world: World, batch_id: BatchId) -> dict[str, GateAnswer]:
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    return {answer.gate: answer for answer in standing.scope_answers}
