"""The numbers that a batch call calls from."""

from collections.abc import Sequence

from google.rpc import code_pb2
from outdial.v1 import (
    agent_pb2,
    agent_service_pb2,
    batch_pb2,
    carrier_config_service_pb2,
    phone_number_service_pb2,
)

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller, RpcRefusedError
from outdial_server.gateway.truedy.ids import core_id


async def agent_of(asks: Caller, agent_id: str) -> agent_pb2.Agent:
    """Raises RpcRefusedError (AGENT_NOT_FOUND)."""
    request = agent_service_pb2.GetAgentRequest(agent_id=agent_id)
    return (await asks.ask(request, agent_service_pb2.GetAgentResponse)).agent


def chosen(agent: agent_pb2.Agent, wanted: Sequence[str]) -> list[str]:
    """Ids of those of the agent's numbers that are wanted; none stands for all of them. Raises
    InvalidFieldsError for another's number, and for an agent without any."""
    if not agent.outbound_numbers:
        raise invalid_field("phone_number_ids", "the agent has no outbound number")
    known = {one.phone_number_id: one.phone_number_id for one in agent.outbound_numbers}
    known |= {one.address: one.phone_number_id for one in agent.outbound_numbers}
    ids = [core_id(text) for text in wanted]
    for place, phone_number_id in enumerate(ids):
        if phone_number_id not in known:
            raise invalid_field(f"phone_number_ids[{place}]", "is no outbound number of the agent")
    return [known[phone_number_id] for phone_number_id in ids]


async def carrier_of(asks: Caller, phone_number_id: str) -> str:
    """The carrier at which the number is; empty where nobody has said, and the server's own
    default dials. Calls go through the account at it that the number is of."""
    wanted = phone_number_service_pb2.GetPhoneNumberRequest(phone_number_id=phone_number_id)
    number = await asks.ask(wanted, phone_number_service_pb2.GetPhoneNumberResponse)
    config_id = number.phone_number.carrier_config
    if not config_id:
        return ""
    request = carrier_config_service_pb2.GetCarrierConfigRequest(carrier_config_id=config_id)
    told = await asks.ask(request, carrier_config_service_pb2.GetCarrierConfigResponse)
    return told.carrier_config.carrier


class FirstNumbers:
    """`from_number` of batch calls, each looked up once for one answer."""

    def __init__(self, asks: Caller) -> None:
        self._asks = asks
        self._of_agents: dict[str, str | None] = {}
        self._of_ids: dict[str, str | None] = {}

    async def of(self, batch: batch_pb2.Batch) -> str | None:
        if batch.caller_id:
            return batch.caller_id
        if batch.phone_numbers:
            return await self._by_id(batch.phone_numbers[0])
        return await self._of_agent(batch.agent_id)

    async def _by_id(self, phone_number_id: str) -> str | None:
        if phone_number_id not in self._of_ids:
            request = phone_number_service_pb2.GetPhoneNumberRequest(
                phone_number_id=phone_number_id
            )
            try:
                told = await self._asks.ask(
                    request, phone_number_service_pb2.GetPhoneNumberResponse
                )
                self._of_ids[phone_number_id] = told.phone_number.address
            except RpcRefusedError as error:
                _raise_unless_gone(error)
                self._of_ids[phone_number_id] = None
        return self._of_ids[phone_number_id]

    async def _of_agent(self, agent_id: str) -> str | None:
        if agent_id not in self._of_agents:
            try:
                numbers = (await agent_of(self._asks, agent_id)).outbound_numbers
                self._of_agents[agent_id] = numbers[0].address if numbers else None
            except RpcRefusedError as error:
                _raise_unless_gone(error)
                self._of_agents[agent_id] = None
        return self._of_agents[agent_id]


def _raise_unless_gone(error: RpcRefusedError) -> None:
    """Agents and numbers of batches that have ended may be deleted."""
    if error.status.code != code_pb2.NOT_FOUND:
        raise error
