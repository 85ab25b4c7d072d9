"""CreateAgent and UpdateAgent."""

from collections.abc import Callable
from dataclasses import dataclass

from outdial_server.domain.account import Agent, AgentFields
from outdial_server.domain.checks import Checks, check_agent
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId, AgentId
from outdial_server.domain.request import RequestKey
from outdial_server.ports.accounts import AgentStore
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class CreateAgent:
    agents: AgentStore
    ids: IdSource

    async def execute(
        self, account_id: AccountId, fields: AgentFields, request: RequestKey | None
    ) -> Agent:
        """Raises InvalidFieldsError, AlreadyExistsError (AGENT_NAME_TAKEN,
        REQUEST_ID_REUSED)."""
        checks = Checks("agent.")
        check_agent(checks, fields)
        checks.raise_if_any()
        agent_id = AgentId(self.ids.new_id())
        return await self.agents.create_agent(account_id, agent_id, fields, request)


@dataclass(frozen=True, slots=True)
class UpdateAgent:
    agents: AgentStore
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        agent_id: AgentId,
        change: Callable[[AgentFields], AgentFields],
        etag: str = "",
    ) -> Agent:
        """`change` writes what the client's mask names over the present fields. Raises
        InvalidFieldsError, NotFoundError (AGENT_NOT_FOUND), AlreadyExistsError
        (AGENT_NAME_TAKEN), ConflictError (ETAG_MISMATCH)."""

        def decide(agent: Agent) -> AgentFields:
            check_etag(etag, agent.revision)
            fields = change(
                AgentFields(agent.display_name, agent.max_concurrent_calls, agent.metadata)
            )
            checks = Checks("agent.")
            check_agent(checks, fields)
            checks.raise_if_any()
            return fields

        agent = await self.agents.change_agent(account_id, agent_id, decide)
        # A raised limit makes room.
        self.signals.wake(Topic.CLAIM)
        return agent
