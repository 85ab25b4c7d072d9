"""Whether a batch has what its carrier asks for."""

from dataclasses import dataclass

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.carrier_terms import CarrierTerms
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
        AGENT_HAS_NO_JOIN_URL)."""
        if not self.terms.are_any:
            return
        batch = await self.batches.get_batch(account_id, batch_id)
        if batch.state is not BatchState.DRAFT:
            # Its state has its own answer.
            return
        agent = await self.agents.get_agent(account_id, batch.agent_id)
        has_join_url = bool(agent.fields.join_url_template)
        has_credentials = await self._has_credentials(batch)
        self.terms.refuse(batch.carrier, has_credentials=has_credentials, has_join_url=has_join_url)
        if batch.has_own_configs:
            for config in await self.configs.configs_of_people(account_id, batch_id):
                self.terms.refuse(
                    config.carrier,
                    has_credentials=config.fields.credentials is not None,
                    has_join_url=has_join_url,
                )

    async def _has_credentials(self, batch: Batch) -> bool:
        named = batch.settings.carrier_config
        if not named:
            # Those of its numbers, into which the store looks.
            return self.terms.needs_config(batch.carrier, batch.medium)
        config_id = CarrierConfigId(named)
        config = await self.configs.get_carrier_config(batch.account_id, config_id)
        return config.fields.credentials is not None
