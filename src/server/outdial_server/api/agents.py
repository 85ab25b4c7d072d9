"""AgentService."""

from dataclasses import dataclass

from outdial.v1 import agent_service_pb2 as pb
from outdial.v1.agent_service_pb2_grpc import AgentServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.agent import agent_change, agent_fields, agent_to_message
from outdial_server.api.conversion.ids import required_id
from outdial_server.api.conversion.request import counted_page_of, filter_text, take_request_key
from outdial_server.commands.agents import CreateAgent, UpdateAgent
from outdial_server.domain.ids import AgentId
from outdial_server.ports.accounts import AgentStore


@dataclass(frozen=True)
class AgentServicer(AgentServiceServicer):
    agents: AgentStore
    create: CreateAgent
    update: UpdateAgent

    @override
    async def CreateAgent(
        self, request: pb.CreateAgentRequest, context: object
    ) -> pb.CreateAgentResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        agent = await self.create.execute(account_id, agent_fields(request.agent), key)
        return pb.CreateAgentResponse(agent=agent_to_message(agent))

    @override
    async def GetAgent(self, request: pb.GetAgentRequest, context: object) -> pb.GetAgentResponse:
        agent = await self.agents.get_agent(caller().account_id, _agent_id(request.agent_id))
        return pb.GetAgentResponse(agent=agent_to_message(agent))

    @override
    async def ListAgents(
        self, request: pb.ListAgentsRequest, context: object
    ) -> pb.ListAgentsResponse:
        page = await self.agents.list_agents(
            caller().account_id,
            counted_page_of(request),
            filter_text("display_name", request.display_name),
        )
        return pb.ListAgentsResponse(
            agents=map(agent_to_message, page.items),
            next_page_token=page.next_token,
            total_size=page.total or 0,
        )

    @override
    async def UpdateAgent(
        self, request: pb.UpdateAgentRequest, context: object
    ) -> pb.UpdateAgentResponse:
        agent = await self.update.execute(
            caller().account_id,
            _agent_id(request.agent.agent_id, "agent.agent_id"),
            agent_change(request.agent, request.update_mask),
            request.agent.etag,
        )
        return pb.UpdateAgentResponse(agent=agent_to_message(agent))

    @override
    async def DeleteAgent(
        self, request: pb.DeleteAgentRequest, context: object
    ) -> pb.DeleteAgentResponse:
        await self.agents.delete_agent(caller().account_id, _agent_id(request.agent_id))
        return pb.DeleteAgentResponse()


def _agent_id(text: str, path: str = "agent_id") -> AgentId:
    return AgentId(required_id(text, path))
