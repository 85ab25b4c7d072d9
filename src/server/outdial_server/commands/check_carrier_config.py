"""CheckCarrierConfig: whether the carrier lets us in."""

from dataclasses import dataclass

from outdial_server.domain.carrier_config import CarrierConfig, ConfigRef
from outdial_server.domain.errors import PreconditionError, Reason, UnavailableError
from outdial_server.domain.ids import AccountId, CarrierConfigId
from outdial_server.ports.carrier import FindCarrier
from outdial_server.ports.carrier_configs import CarrierConfigStore


@dataclass(frozen=True, slots=True)
class CheckCarrierConfig:
    configs: CarrierConfigStore
    find_carrier: FindCarrier

    async def execute(self, account_id: AccountId, config_id: CarrierConfigId) -> CarrierConfig:
        """Raises NotFoundError (CARRIER_CONFIG_NOT_FOUND), PreconditionError
        (CARRIER_NOT_CONFIGURED, CARRIER_CREDENTIALS_REFUSED), UnavailableError
        (CARRIER_UNAVAILABLE)."""
        config = await self.configs.get_carrier_config(account_id, config_id)
        carrier = await self.find_carrier(config.carrier, ConfigRef(config.carrier_config_id))
        if carrier is None:
            lacks = "none that can be read" if config.fields.credentials else "none"
            raise PreconditionError(
                Reason.CARRIER_NOT_CONFIGURED,
                f"the carrier config needs credentials for {config.carrier!r} and has {lacks}",
                {"carrier": config.carrier},
            )
        fault = await carrier.check_account()
        if fault is None:
            return config
        if fault.is_refusal:
            raise PreconditionError(
                Reason.CARRIER_CREDENTIALS_REFUSED,
                f"carrier {config.carrier!r} does not take the credentials: {fault.reason}",
                {"because": fault.reason},
            )
        raise UnavailableError(
            Reason.CARRIER_UNAVAILABLE,
            f"carrier {config.carrier!r} could not be asked: {fault.reason}",
        )
