"""The carriers of a server, by name."""

from collections.abc import Iterable, Mapping
from typing import Final

from outdial_server.carriers.accounts import CarrierAccounts
from outdial_server.domain.carrier_config import CarrierRates, ConfigRef, OverRate
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.medium import WEBHOOK_CARRIER
from outdial_server.ports.carrier import Carrier
from outdial_server.ports.carrier_kind import CarrierKind


class CarrierRegistry:
    """A new carrier is a folder beside this file and one entry where this is built."""

    def __init__(
        self,
        simulated: Carrier | None,
        kinds: Iterable[CarrierKind] = (),
        accounts: CarrierAccounts | None = None,
        webhook: Carrier | None = None,
    ) -> None:
        """Where there is a simulated carrier every call that is dialled goes to it, and it is the
        default of batches that name none. Otherwise `kinds` are dialled through `accounts`.
        `webhook` is none that a batch can name: it takes the calls that nobody dials."""
        self._simulated = simulated
        self._kinds = {kind.name: kind for kind in kinds}
        own = () if simulated is None else (simulated.name,)
        self.names: Final = (*own, *self._kinds)
        self._accounts = accounts
        self._webhook = webhook

    @property
    def kinds(self) -> Mapping[str, CarrierKind]:
        return self._kinds

    @property
    def terms(self) -> CarrierTerms:
        """The simulated carrier takes whatever comes; what is written for another one is
        checked all the same."""
        write_params = {name: kind.write_params for name, kind in self._kinds.items()}
        if self._simulated is not None:
            return CarrierTerms(write_params=write_params)
        names = frozenset(self._kinds)
        connect_to = {name: kind.connects_to for name, kind in self._kinds.items()}
        return CarrierTerms(names, names, connect_to, write_params)

    @property
    def queueing(self) -> frozenset[str]:
        """Those that take calls above their rate, and dial them later. Where there is a simulated
        carrier, all calls are its own."""
        if self._simulated is not None:
            queues = self._simulated.over_rate is OverRate.QUEUES
            return frozenset(self.names if queues else ())
        return frozenset(
            name for name, kind in self._kinds.items() if kind.over_rate is OverRate.QUEUES
        )

    @property
    def rates(self) -> CarrierRates:
        """What a carrier config has that names no rate of its own."""
        known = [*self._kinds.values(), *(() if self._simulated is None else (self._simulated,))]
        rates = {one.name: one.default_calls_per_second for one in known}
        return CarrierRates({name: rate for name, rate in rates.items() if rate is not None})

    async def find(self, carrier: str, config: ConfigRef | None) -> Carrier | None:
        """See FindCarrier."""
        if carrier == WEBHOOK_CARRIER:
            return self._webhook
        if self._simulated is not None:
            return self._simulated if carrier in self.names else None
        if config is None or carrier not in self._kinds or self._accounts is None:
            return None
        return await self._accounts.find(config)

    async def close(self) -> None:
        if self._simulated is not None:
            await self._simulated.close()
        if self._accounts is not None:
            await self._accounts.close()
        if self._webhook is not None:
            await self._webhook.close()
