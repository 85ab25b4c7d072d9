"""Agents."""

from collections.abc import Iterable

from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from outdial.v1 import agent_service_pb2 as messages
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2_grpc import AgentServiceStub

from outdial_client._inputs import NewAgent, to_agent
from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender


class Agents:
    """The voice agents that talk once a person answers."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = AgentServiceStub(channel)
        self._send = sender.send

    async def create(self, agent: str | NewAgent | Agent, *, request_id: str = "") -> Agent:
        """Makes an agent, of which a name is enough; AlreadyExistsError when it is taken."""
        request = messages.CreateAgentRequest(agent=to_agent(agent), request_id=request_id)
        return (await self._send(self._stub.CreateAgent, request)).agent

    async def get(self, agent_id: str) -> Agent:
        """One agent, by its id."""
        request = messages.GetAgentRequest(agent_id=agent_id)
        return (await self._send(self._stub.GetAgent, request)).agent

    async def find(self, display_name: str) -> Agent | None:
        """The agent of exactly this name, if there is one."""
        return await self.list(display_name=display_name).first()

    def list(
        self,
        *,
        display_name: str = "",
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[Agent]:
        """Agents, oldest first."""

        async def fetch(page_token: str) -> Page[Agent]:
            request = messages.ListAgentsRequest(
                page_size=page_size,
                page_token=page_token,
                skip=0 if page_token else skip,
                display_name=display_name,
            )
            response = await self._send(self._stub.ListAgents, request)
            return Page(response.agents, response.next_page_token)

        return Pager(fetch)

    async def update(self, agent: Agent, fields: Iterable[str]) -> Agent:
        """Writes those `fields` of `agent`; AbortedError when its etag is out of date."""
        request = messages.UpdateAgentRequest(
            agent=agent, update_mask=FieldMask(paths=list(fields))
        )
        return (await self._send(self._stub.UpdateAgent, request)).agent

    async def delete(self, agent_id: str) -> None:
        """Deletes an agent that no unfinished batch uses."""
        await self._send(self._stub.DeleteAgent, messages.DeleteAgentRequest(agent_id=agent_id))
