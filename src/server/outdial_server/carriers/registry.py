"""The carriers of a server, by name."""

from collections.abc import Iterable

from outdial_server.domain.carrier_config import CarrierRates
from outdial_server.ports.carrier import Carrier


class CarrierRegistry:
    """A new carrier is a folder beside this file and one entry where this is built. The
    first one is the default of batches that name none."""

    def __init__(self, carriers: Iterable[Carrier]) -> None:
        self._by_name = {carrier.name: carrier for carrier in carriers}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    @property
    def rates(self) -> CarrierRates:
        """What a carrier config has that names no rate of its own."""
        return CarrierRates(
            {
                name: carrier.default_calls_per_second
                for name, carrier in self._by_name.items()
                if carrier.default_calls_per_second is not None
            }
        )

    def get(self, name: str) -> Carrier | None:
        return self._by_name.get(name)

    async def close(self) -> None:
        for carrier in self._by_name.values():
            await carrier.close()
