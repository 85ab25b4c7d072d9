"""The carriers of a server, by name."""

from collections.abc import Iterable, Mapping

from outdial_server.domain.carrier_config import CarrierRates
from outdial_server.ports.carrier import Carrier
from outdial_server.ports.carrier_kind import CarrierKind


class CarrierRegistry:
    """A new carrier is a folder beside this file and one entry where this is built. The
    first one is the default of batches that name none."""

    def __init__(self, carriers: Iterable[Carrier], kinds: Iterable[CarrierKind] = ()) -> None:
        """`kinds` are dialled through carrier configs alone, each with credentials."""
        self._by_name = {carrier.name: carrier for carrier in carriers}
        self._kinds = {kind.name: kind for kind in kinds}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    @property
    def kinds(self) -> Mapping[str, CarrierKind]:
        return self._kinds

    @property
    def rates(self) -> CarrierRates:
        """What a carrier config has that names no rate of its own."""
        rates = {
            name: known.default_calls_per_second
            for name, known in (self._kinds | self._by_name).items()
        }
        return CarrierRates({name: rate for name, rate in rates.items() if rate is not None})

    def get(self, name: str) -> Carrier | None:
        return self._by_name.get(name)

    async def close(self) -> None:
        for carrier in self._by_name.values():
            await carrier.close()
