"""Whether a batch has what its carrier asks for."""

from collections.abc import Mapping
from dataclasses import dataclass

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.credentials import CredentialValue, SealedCredentials
from outdial_server.domain.ids import AccountId, BatchId, CarrierConfigId
from outdial_server.ports.accounts import AgentStore
from outdial_server.ports.batches import BatchStore
from outdial_server.ports.carrier_configs import CarrierConfigStore


@dataclass(frozen=True, slots=True)
class CarrierReadiness:
    """Of a draft, as things are now: agent and carrier config may be others than when it was
    made. What changes behind this look is told by the gate `carrier`, or pauses the batch."""

    batches: BatchStore
    agents: AgentStore
    configs: CarrierConfigStore
    terms: CarrierTerms

    async def refuse_unready(self, account_id: AccountId, batch_id: BatchId) -> None:
        """Raises NotFoundError (BATCH_NOT_FOUND), PreconditionError (CARRIER_NOT_CONFIGURED,
        AGENT_HAS_NO_JOIN_URL, JOIN_URL_UNFIT)."""
        if not self.terms.are_any:
            return
        batch = await self.batches.get_batch(account_id, batch_id)
        if batch.state is not BatchState.DRAFT:
            # Its state has its own answer.
            return
        agent = await self.agents.get_agent(account_id, batch.agent_id)
        join_url = agent.fields.join_url_template
        credentials = await self._credentials(batch)
        # Those of its numbers, into which the store looks.
        by_number = not batch.settings.carrier_config and self.terms.needs_config(
            batch.carrier, batch.medium
        )
        self.terms.refuse(
            batch.carrier,
            has_credentials=by_number or credentials is not None,
            join_url=join_url,
            account=_shown(credentials),
        )
        if batch.has_own_configs:
            for config in await self.configs.configs_of_people(account_id, batch_id):
                own = config.fields.credentials
                self.terms.refuse(
                    config.carrier,
                    has_credentials=own is not None,
                    join_url=join_url,
                    account=_shown(own),
                )

    async def _credentials(self, batch: Batch) -> SealedCredentials | None:
        """Of the config that it names."""
        named = batch.settings.carrier_config
        if not named:
            return None
        config_id = CarrierConfigId(named)
        config = await self.configs.get_carrier_config(batch.account_id, config_id)
        return config.fields.credentials


def _shown(credentials: SealedCredentials | None) -> Mapping[str, CredentialValue] | None:
    return None if credentials is None else credentials.shown
