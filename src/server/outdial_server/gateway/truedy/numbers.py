"""Phone numbers of the account, and which agent calls from which."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import (
    agent_pb2,
    carrier_config_pb2,
    carrier_config_service_pb2,
    carrier_credentials_pb2,
    phone_number_pb2,
    phone_number_service_pb2,
)
from starlette.responses import Response

from outdial_server.domain.errors import invalid_field
from outdial_server.domain.limits import CARRIER_CONFIG_NAME_MAX_CHARS
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.truedy.batch_reading import moment_of
from outdial_server.gateway.truedy.contact_shapes import Deleted
from outdial_server.gateway.truedy.envelopes import Listed, One, listed, one
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.number_shapes import (
    AgentNumber,
    AgentNumbers,
    Assignment,
    AssignmentType,
    NewNumber,
    Number,
    Unassignment,
)
from outdial_server.gateway.truedy.outbound_numbers import agent_of
from outdial_server.gateway.truedy.paging import Limit, Offset, part_of
from outdial_server.gateway.truedy.routing import Asks, Routes

PATH: Final = "/telephony/numbers"

_CARRIERS: Final = {"twilio": "twilio", "telnyx": "telnyx", "custom_sip": "sip"}
# The first of them tells accounts apart.
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "twilio": ("account_sid", "auth_token"),
    "telnyx": ("connection_id", "api_key", "public_key"),
    "custom_sip": ("sip_server",),
}


async def list_numbers(asks: Asks, limit: Limit = 50, offset: Offset = 0) -> Response:
    """Oldest first."""
    request = phone_number_service_pb2.ListPhoneNumbersRequest()
    answer = phone_number_service_pb2.ListPhoneNumbersResponse
    found, total = await part_of(asks, request, answer, "phone_numbers", limit, offset)
    return listed([_shown(number) for number in found], total, limit, offset)


async def import_number(asked: NewNumber, asks: Asks) -> Response:
    """A number that you have at a provider, with what its account is opened with. Numbers of one
    account share it, and what is said of it last holds."""
    # A fault behind this leaves an account that no number is of.
    config_id = await _carrier_config(asks, asked)
    number = phone_number_pb2.PhoneNumber(
        address=asked.phone_number,
        display_name=asked.friendly_name or "",
        carrier_config=config_id,
    )
    request = phone_number_service_pb2.CreatePhoneNumberRequest(phone_number=number)
    made = await asks.ask(request, phone_number_service_pb2.CreatePhoneNumberResponse)
    return one(_shown(made.phone_number), 201)


async def _carrier_config(asks: Caller, asked: NewNumber) -> str:
    for name in _NEEDED[asked.provider_type]:
        if not getattr(asked, name):
            raise invalid_field(name, f"is required for provider_type '{asked.provider_type}'")
    carrier, account = (
        _CARRIERS[asked.provider_type],
        getattr(asked, _NEEDED[asked.provider_type][0]),
    )
    config = carrier_config_pb2.CarrierConfig(
        display_name=f"{carrier} {account}"[:CARRIER_CONFIG_NAME_MAX_CHARS],
        carrier=carrier,
        **_credentials(asked),
    )
    wanted = carrier_config_service_pb2.ListCarrierConfigsRequest(display_name=config.display_name)
    known = await asks.ask(wanted, carrier_config_service_pb2.ListCarrierConfigsResponse)
    if not known.carrier_configs:
        request = carrier_config_service_pb2.CreateCarrierConfigRequest(carrier_config=config)
        made = await asks.ask(request, carrier_config_service_pb2.CreateCarrierConfigResponse)
        return made.carrier_config.carrier_config_id
    config.carrier_config_id = known.carrier_configs[0].carrier_config_id
    change = carrier_config_service_pb2.UpdateCarrierConfigRequest(
        carrier_config=config, update_mask=FieldMask(paths=[carrier])
    )
    await asks.ask(change, carrier_config_service_pb2.UpdateCarrierConfigResponse)
    return config.carrier_config_id


def _credentials(asked: NewNumber) -> dict[str, Any]:
    match asked.provider_type:
        case "twilio":
            return {
                "twilio": carrier_credentials_pb2.TwilioCredentials(
                    account_sid=asked.account_sid or "", auth_token=asked.auth_token or ""
                )
            }
        case "telnyx":
            return {
                "telnyx": carrier_credentials_pb2.TelnyxCredentials(
                    api_key=asked.api_key or "",
                    connection_id=asked.connection_id or "",
                    public_key=asked.public_key or "",
                )
            }
        case "custom_sip":
            return {
                "sip": carrier_credentials_pb2.SipCredentials(
                    proxy=asked.sip_server or "",
                    username=asked.sip_username or "",
                    password=asked.sip_password or "",
                )
            }


async def assign_number(asked: Assignment, asks: Asks) -> Response:
    """Lets an agent call from the number."""
    _check_direction(asked.assignment_type)
    request = phone_number_service_pb2.BindPhoneNumberRequest(
        phone_number_id=core_id(asked.number_id), agent_id=core_id(asked.agent_id)
    )
    bound = await asks.ask(request, phone_number_service_pb2.BindPhoneNumberResponse)
    return one(_shown(bound.phone_number), 201)


async def unassign_number(asked: Unassignment, asks: Asks) -> Response:
    _check_direction(asked.assignment_type)
    request = phone_number_service_pb2.UnbindPhoneNumberRequest(
        phone_number_id=core_id(asked.number_id)
    )
    unbound = await asks.ask(request, phone_number_service_pb2.UnbindPhoneNumberResponse)
    return one(_shown(unbound.phone_number), 201)


def _check_direction(wanted: AssignmentType) -> None:
    if wanted == "inbound":
        raise invalid_field("assignment_type", "must be outbound: nobody is called from outside")


async def delete_number(number_id: str, asks: Asks) -> Response:
    """One that a batch call which has not ended lists is not deleted."""
    request = phone_number_service_pb2.DeletePhoneNumberRequest(phone_number_id=core_id(number_id))
    await asks.ask(request, phone_number_service_pb2.DeletePhoneNumberResponse)
    return one(Deleted(id=number_id))


async def get_agent_numbers(agent_id: str, asks: Asks) -> Response:
    return one(numbers_of(await agent_of(asks, core_id(agent_id))))


def numbers_of(agent: agent_pb2.Agent) -> AgentNumbers:
    """In the order in which they are used."""
    return AgentNumbers(
        inbound_phone_numbers=[],
        outbound_phone_numbers=[
            AgentNumber(id=number.phone_number_id, phone_number=number.address)
            for number in agent.outbound_numbers
        ],
    )


def _shown(number: phone_number_pb2.PhoneNumber) -> Number:
    return Number(
        id=number.phone_number_id,
        phone_number=number.address,
        friendly_name=number.display_name or None,
        agent_id=number.agent_id or None,
        provider_id=number.carrier_config or None,
        status="active" if number.active else "inactive",
        created_at=moment_of(number.create_time),
        updated_at=moment_of(number.update_time),
    )


def add_numbers(api: FastAPI) -> None:
    routes = Routes(api, "Phone numbers")
    routes.get(PATH, list_numbers, Listed[Number])
    routes.post(f"{PATH}/import", import_number, One[Number])
    routes.post(f"{PATH}/assign", assign_number, One[Number])
    routes.post(f"{PATH}/unassign", unassign_number, One[Number])
    routes.delete(f"{PATH}/{{number_id}}", delete_number, One[Deleted])
    routes.get("/telephony/agents/{agent_id}/numbers", get_agent_numbers, One[AgentNumbers])
