"""Carrier configs as resources."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from outdial_server.domain.carrier_config import CarrierConfig, CarrierConfigFields, CarrierRates
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.ids import AccountId, BatchId, CarrierConfigId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """Those of a carrier config at a revision of it; `sealed` is None where it has none, or none
    any more."""

    carrier: str
    sealed: str | None
    revision: int


class CredentialStore(Protocol):
    async def stored_credentials(
        self, carrier_config_id: CarrierConfigId
    ) -> StoredCredentials | None:
        """Of any account; None for a carrier config that there never was."""
        ...


class CarrierConfigStore(Protocol):
    """Where `rates` are given, a config without a rate of its own gets its carrier's."""

    async def create_carrier_config(
        self,
        account_id: AccountId,
        carrier_config_id: CarrierConfigId,
        carrier: str,
        fields: CarrierConfigFields,
        rates: CarrierRates,
        request: RequestKey | None = None,
    ) -> CarrierConfig:
        """Raises AlreadyExistsError (CARRIER_CONFIG_NAME_TAKEN, REQUEST_ID_REUSED)."""
        ...

    async def get_carrier_config(
        self, account_id: AccountId, carrier_config_id: CarrierConfigId
    ) -> CarrierConfig:
        """Raises NotFoundError (CARRIER_CONFIG_NOT_FOUND)."""
        ...

    async def list_carrier_configs(
        self, account_id: AccountId, page: PageRequest, display_name: str = ""
    ) -> Page[CarrierConfig]:
        """Oldest first; with a name, the one of exactly that name."""
        ...

    async def configs_of_people(
        self, account_id: AccountId, batch_id: BatchId
    ) -> tuple[CarrierConfig, ...]:
        """Those that people of the batch name."""
        ...

    async def change_carrier_config(
        self,
        account_id: AccountId,
        carrier_config_id: CarrierConfigId,
        decide: Callable[[CarrierConfig], CarrierConfigFields],
        rates: CarrierRates,
        *,
        lifts_hold: bool = False,
    ) -> CarrierConfig:
        """Reads, decides and writes in one transaction. New credentials, or `lifts_hold`, and
        whatever was wrong with the account is forgotten. Raises NotFoundError
        (CARRIER_CONFIG_NOT_FOUND), AlreadyExistsError (CARRIER_CONFIG_NAME_TAKEN)."""
        ...

    async def delete_carrier_config(
        self, account_id: AccountId, carrier_config_id: CarrierConfigId
    ) -> None:
        """Raises NotFoundError (CARRIER_CONFIG_NOT_FOUND), PreconditionError
        (CARRIER_CONFIG_IN_USE)."""
        ...

    async def follow_terms(self, terms: CarrierTerms) -> None:
        """For all accounts: the carriers of this server may need other things than those that
        the batches were made by."""
        ...

    async def follow_default_rates(self, rates: CarrierRates) -> None:
        """For all accounts: carriers may have other defaults than when the configs were
        written."""
        ...
