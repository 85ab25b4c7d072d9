"""Agents."""

from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import GetAgentRequest, GetAgentResponse

from outdial_server.gateway.asking import Caller


async def find_agent(asks: Caller, agent_id: str) -> Agent:
    return (await asks.ask(GetAgentRequest(agent_id=agent_id), GetAgentResponse)).agent
