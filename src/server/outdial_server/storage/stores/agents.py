"""AgentStore over a database."""

from collections.abc import Callable

from outdial_server.domain.agent import Agent, AgentFields
from outdial_server.domain.ids import AccountId, AgentId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import agents


class SqlAgents:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_agent(
        self,
        account_id: AccountId,
        agent_id: AgentId,
        fields: AgentFields,
        request: RequestKey | None = None,
    ) -> Agent:
        return await self._db.write(
            lambda tx: agents.create_agent(tx, account_id, agent_id, fields, request)
        )

    async def get_agent(self, account_id: AccountId, agent_id: AgentId) -> Agent:
        return await self._db.read(lambda tx: agents.get_agent(tx, account_id, agent_id))

    async def list_agents(
        self, account_id: AccountId, page: PageRequest, display_name: str = ""
    ) -> Page[Agent]:
        return await self._db.read(
            lambda tx: agents.list_agents(tx, account_id, page, display_name)
        )

    async def change_agent(
        self, account_id: AccountId, agent_id: AgentId, decide: Callable[[Agent], AgentFields]
    ) -> Agent:
        return await self._db.write(
            lambda tx: agents.change_agent(tx, account_id, agent_id, decide)
        )

    async def delete_agent(self, account_id: AccountId, agent_id: AgentId) -> None:
        await self._db.write(lambda tx: agents.delete_agent(tx, account_id, agent_id))
