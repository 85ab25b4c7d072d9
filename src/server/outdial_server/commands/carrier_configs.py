"""CreateCarrierConfig and UpdateCarrierConfig."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from outdial_server.commands.credentials import CredentialSealer
from outdial_server.commands.new_batch import choose_carrier
from outdial_server.domain.carrier_config import (
    CarrierConfig,
    CarrierConfigFields,
    CarrierRates,
    check_carrier_config,
)
from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import GivenCredentials
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId, CarrierConfigId
from outdial_server.domain.request import RequestKey
from outdial_server.ports.carrier_configs import CarrierConfigStore
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class CreateCarrierConfig:
    configs: CarrierConfigStore
    ids: IdSource
    # Names of the carriers that there are.
    carriers: tuple[str, ...]
    rates: CarrierRates
    sealer: CredentialSealer

    async def execute(
        self,
        account_id: AccountId,
        carrier: str,
        fields: CarrierConfigFields,
        credentials: GivenCredentials | None,
        request: RequestKey | None,
    ) -> CarrierConfig:
        """Raises InvalidFieldsError, PreconditionError (CARRIER_NOT_CONFIGURED),
        AlreadyExistsError (CARRIER_CONFIG_NAME_TAKEN, REQUEST_ID_REUSED)."""
        checks = Checks("carrier_config.")
        if not carrier:
            checks.fault("carrier", "is required")
        check_carrier_config(checks, fields)
        checks.raise_if_any()
        config_id = CarrierConfigId(self.ids.new_id())
        chosen = choose_carrier(carrier, self.carriers)
        if credentials is not None:
            sealed = self.sealer.sealed(config_id, chosen, credentials)
            fields = replace(fields, credentials=sealed)
        return await self.configs.create_carrier_config(
            account_id, config_id, chosen, fields, self.rates, request
        )


@dataclass(frozen=True, slots=True)
class UpdateCarrierConfig:
    configs: CarrierConfigStore
    rates: CarrierRates
    signals: Signals
    sealer: CredentialSealer

    async def execute(
        self,
        account_id: AccountId,
        config_id: CarrierConfigId,
        change: Callable[[CarrierConfigFields], CarrierConfigFields],
        credentials: GivenCredentials | None,
        etag: str = "",
        *,
        lifts_hold: bool = False,
    ) -> CarrierConfig:
        """`change` writes what the client's mask names over the present fields, but for
        credentials that are given anew. Raises
        InvalidFieldsError, NotFoundError (CARRIER_CONFIG_NOT_FOUND), AlreadyExistsError
        (CARRIER_CONFIG_NAME_TAKEN), ConflictError (ETAG_MISMATCH)."""

        def decide(config: CarrierConfig) -> CarrierConfigFields:
            check_etag(etag, config.revision)
            fields = change(config.fields)
            checks = Checks("carrier_config.")
            check_carrier_config(checks, fields)
            checks.raise_if_any()
            if credentials is not None:
                # By the config's own id: the client may have spelt it in another way.
                sealed = self.sealer.sealed(config.carrier_config_id, config.carrier, credentials)
                fields = replace(fields, credentials=sealed)
            return fields

        config = await self.configs.change_carrier_config(
            account_id, config_id, decide, self.rates, lifts_hold=lifts_hold
        )
        # A raised limit makes room.
        self.signals.wake(Topic.CLAIM)
        return config
