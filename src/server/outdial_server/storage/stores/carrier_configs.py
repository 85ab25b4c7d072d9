"""CarrierConfigStore over a database."""

from collections.abc import Callable

from outdial_server.domain.carrier_config import CarrierConfig, CarrierConfigFields, CarrierRates
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.ids import AccountId, BatchId, CarrierConfigId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.ports.carrier_configs import StoredCredentials
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import carrier_configs, carrier_needs


class SqlCarrierConfigs:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_carrier_config(
        self,
        account_id: AccountId,
        carrier_config_id: CarrierConfigId,
        carrier: str,
        fields: CarrierConfigFields,
        rates: CarrierRates,
        request: RequestKey | None = None,
    ) -> CarrierConfig:
        return await self._db.write(
            lambda tx: carrier_configs.create_carrier_config(
                tx, account_id, carrier_config_id, carrier, fields, rates, request
            )
        )

    async def get_carrier_config(
        self, account_id: AccountId, carrier_config_id: CarrierConfigId
    ) -> CarrierConfig:
        return await self._db.read(
            lambda tx: carrier_configs.get_carrier_config(tx, account_id, carrier_config_id)
        )

    async def list_carrier_configs(
        self, account_id: AccountId, page: PageRequest, display_name: str = ""
    ) -> Page[CarrierConfig]:
        return await self._db.read(
            lambda tx: carrier_configs.list_carrier_configs(tx, account_id, page, display_name)
        )

    async def configs_of_people(
        self, account_id: AccountId, batch_id: BatchId
    ) -> tuple[CarrierConfig, ...]:
        return await self._db.read(
            lambda tx: carrier_configs.configs_of_people(tx, account_id, batch_id)
        )

    async def change_carrier_config(
        self,
        account_id: AccountId,
        carrier_config_id: CarrierConfigId,
        decide: Callable[[CarrierConfig], CarrierConfigFields],
        rates: CarrierRates,
        *,
        lifts_hold: bool = False,
    ) -> CarrierConfig:
        return await self._db.write(
            lambda tx: carrier_configs.change_carrier_config(
                tx, account_id, carrier_config_id, decide, rates, lifts_hold=lifts_hold
            )
        )

    async def delete_carrier_config(
        self, account_id: AccountId, carrier_config_id: CarrierConfigId
    ) -> None:
        await self._db.write(
            lambda tx: carrier_configs.delete_carrier_config(tx, account_id, carrier_config_id)
        )

    async def stored_credentials(
        self, carrier_config_id: CarrierConfigId
    ) -> StoredCredentials | None:
        return await self._db.read(
            lambda tx: carrier_configs.stored_credentials(tx, carrier_config_id)
        )

    async def follow_terms(self, terms: CarrierTerms) -> None:
        await self._db.write(lambda tx: carrier_needs.follow_terms(tx, terms))

    async def follow_default_rates(self, rates: CarrierRates) -> None:
        await self._db.write(lambda tx: carrier_configs.follow_default_rates(tx, rates))
