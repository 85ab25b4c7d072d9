"""Which carrier dials, and through which of the account's carrier configs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_config_service_pb2 import (
    ListCarrierConfigsRequest,
    ListCarrierConfigsResponse,
)
from outdial.v1.server_info_service_pb2 import GetServerInfoRequest, GetServerInfoResponse

from outdial_server.domain.errors import InvalidFieldsError, invalid_field
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.ultravox.paging import everything


@dataclass(frozen=True, slots=True)
class Way:
    """Names as the contract takes them; empty for none."""

    carrier: str = ""
    carrier_config: str = ""


@dataclass(frozen=True, slots=True)
class Ways:
    """What is known of the account's carriers before a list of calls is read. `configs` has the id
    of the config that each is called through, and none where all calls are simulated."""

    configs: Mapping[str, str]
    simulates: bool

    def check(self, carriers: Mapping[str, int]) -> None:
        """For those of a list of calls, each with the place of the first call that names it.
        Raises InvalidFieldsError for that call."""
        for carrier, at in carriers.items():
            if carrier not in self.configs and not self.simulates:
                raise medium_fault(at, _not_configured(carrier))


async def read_ways(asks: Caller) -> Ways:
    if await simulates(asks):
        return Ways({}, simulates=True)
    configs: dict[str, str] = {}
    for config in await _configs(asks):
        if config.carrier not in configs or config.display_name == config.carrier:
            configs[config.carrier] = config.carrier_config_id
    return Ways(configs, simulates=False)


async def way_of_batch(asks: Caller, ways: Ways, carriers: Mapping[str, int]) -> Way:
    """That of the first of them: calls of others name their own. Raises like `Ways.check`."""
    if not carriers or (ways.simulates and len(carriers) > 1):
        return Way()
    ways.check(carriers)
    carrier = next(iter(carriers))
    if not ways.simulates:
        return Way(carrier, ways.configs[carrier])
    return await _way(asks, carrier) or Way()


async def way_of_call(asks: Caller, carrier: str) -> Way:
    """The same for one call by itself."""
    way = await _way(asks, carrier)
    if way is None:
        raise invalid_field("medium", _not_configured(carrier))
    return way


async def _way(asks: Caller, carrier: str) -> Way | None:
    """None where calls of the carrier would need a config, and there is none."""
    config = await find_config(asks, carrier)
    if config is not None:
        return Way(carrier, config.carrier_config_id)
    info = await _server_info(asks)
    if not _simulates(info):
        return None
    return Way(carrier if carrier in info.carriers else "")


def _not_configured(carrier: str) -> str:
    return f"There is no {carrier} configuration."


async def simulates(asks: Caller) -> bool:
    """Whether all calls go to the simulated carrier, whoever they name."""
    return _simulates(await _server_info(asks))


def _simulates(info: GetServerInfoResponse) -> bool:
    return "simulate" in info.features


async def _server_info(asks: Caller) -> GetServerInfoResponse:
    return await asks.ask(GetServerInfoRequest(), GetServerInfoResponse)


def medium_fault(at: int, description: str) -> InvalidFieldsError:
    return invalid_field(f"calls[{at}].medium", description)


async def find_config(asks: Caller, carrier: str) -> CarrierConfig | None:
    """That which is named like the carrier, else the first that was made: this API knows one
    for each carrier."""
    found = [config for config in await _configs(asks) if config.carrier == carrier]
    named = (config for config in found if config.display_name == carrier)
    return next(named, found[0] if found else None)


async def _configs(asks: Caller) -> Sequence[CarrierConfig]:
    return await everything(
        asks, ListCarrierConfigsRequest(), ListCarrierConfigsResponse, "carrier_configs"
    )
