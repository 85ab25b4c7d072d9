"""Phone numbers, and which agent calls from which."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from outdial.v1.phone_number_pb2 import PhoneNumber, PhoneNumberCapability
from outdial.v1.phone_number_service_pb2 import (
    BindPhoneNumberRequest,
    BindPhoneNumberResponse,
    CreatePhoneNumberRequest,
    CreatePhoneNumberResponse,
    DeletePhoneNumberRequest,
    DeletePhoneNumberResponse,
    GetPhoneNumberRequest,
    GetPhoneNumberResponse,
    ListPhoneNumbersRequest,
    ListPhoneNumbersResponse,
    UnbindPhoneNumberRequest,
    UnbindPhoneNumberResponse,
    UpdatePhoneNumberRequest,
    UpdatePhoneNumberResponse,
)
from pydantic import BaseModel, Field, StrictStr
from starlette.responses import Response

from outdial_server.domain.limits import PHONE_NUMBER_NAME_MAX_CHARS
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.speechify.answers import answer
from outdial_server.gateway.speechify.asked import Asks, Key
from outdial_server.gateway.speechify.errors import error
from outdial_server.gateway.speechify.ids import known_id, shown_id
from outdial_server.gateway.speechify.moments import moment
from outdial_server.gateway.speechify.paging import DEFAULT_LIMIT, Cursor, Limit, page_of
from outdial_server.gateway.speechify.shapes import Phone

TYPE_LABEL: Final = "speechify.type"
"""Of a number's metadata: the type that it was imported as."""

_DEFAULT_TYPE: Final = "byoc"
_VERIFIED: Final = "verified_caller_id"

Type = Literal["twilio", "telnyx", "byoc", "verified_caller_id"]
Capability = Literal["inbound", "outbound"]
Label = Annotated[StrictStr, Field(max_length=PHONE_NUMBER_NAME_MAX_CHARS)]

_CAPABILITIES: Final[Mapping[Capability, Any]] = {
    "inbound": PhoneNumberCapability.PHONE_NUMBER_CAPABILITY_INBOUND_VOICE,
    "outbound": PhoneNumberCapability.PHONE_NUMBER_CAPABILITY_OUTBOUND_VOICE,
}


class ImportedNumber(BaseModel):
    e164: Phone
    type: Type = "byoc"
    label: Label | None = None
    trunk_id: Annotated[
        StrictStr | None, Field(description="The carrier config that the number is of.")
    ] = None
    capabilities: Annotated[list[Capability], Field(min_length=1)] = ["outbound"]


class ChangedNumber(BaseModel):
    label: Label | None = None
    trunk_id: StrictStr | None = None


class ShownNumber(BaseModel):
    id: str
    e164: str
    type: str
    label: str | None
    trunk_id: str | None
    agent_id: str | None
    capabilities: list[str]
    created_at: str
    updated_at: str


class NumberList(BaseModel):
    next_cursor: str | None
    has_more: bool
    numbers: list[ShownNumber]


router = APIRouter(prefix="/v1/agents", tags=["Phone numbers"])


@router.get("/phone-numbers", response_model=NumberList)
async def list_all(asks: Asks, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "") -> Response:
    """Oldest first."""
    page = await asks.ask(
        ListPhoneNumbersRequest(page_size=limit, page_token=cursor), ListPhoneNumbersResponse
    )
    shown = [shown_number(number) for number in page.phone_numbers]
    return answer(page_of("numbers", shown, page.next_page_token))


@router.post("/phone-numbers", status_code=201, response_model=ShownNumber)
async def import_number(body: ImportedNumber, asks: Asks, key: Key = "") -> Response:
    """A number that you have at a carrier."""
    number = PhoneNumber(
        address=body.e164,
        display_name=body.label or "",
        carrier_config=_config_of(body.trunk_id),
        capabilities=[_CAPABILITIES[name] for name in dict.fromkeys(body.capabilities)],
        metadata={TYPE_LABEL: body.type},
    )
    made = await asks.ask(
        CreatePhoneNumberRequest(phone_number=number, request_id=key), CreatePhoneNumberResponse
    )
    return answer(shown_number(made.phone_number), 201)


@router.get("/phone-numbers/{phone_number_id}", response_model=ShownNumber)
async def get(phone_number_id: str, asks: Asks) -> Response:
    return answer(shown_number(await _number_of(asks, phone_number_id)))


@router.patch("/phone-numbers/{phone_number_id}", response_model=ShownNumber)
async def change(phone_number_id: str, body: ChangedNumber, asks: Asks) -> Response:
    number = PhoneNumber(
        phone_number_id=known_id("phone", phone_number_id),
        display_name=body.label or "",
        carrier_config=_config_of(body.trunk_id),
    )
    request = UpdatePhoneNumberRequest(phone_number=number)
    names = {"label": "display_name", "trunk_id": "carrier_config"}
    request.update_mask.paths.extend(names[name] for name in sorted(body.model_fields_set))
    changed = await asks.ask(request, UpdatePhoneNumberResponse)
    return answer(shown_number(changed.phone_number))


@router.delete("/phone-numbers/{phone_number_id}", status_code=204, response_class=Response)
async def delete(phone_number_id: str, asks: Asks) -> Response:
    """Not while a batch that has not ended names it (409)."""
    request = DeletePhoneNumberRequest(phone_number_id=known_id("phone", phone_number_id))
    await asks.ask(request, DeletePhoneNumberResponse)
    return Response(status_code=204)


@router.post("/{agent_id}/phone-numbers/{phone_number_id}", response_model=ShownNumber)
async def bind(agent_id: str, phone_number_id: str, asks: Asks) -> Response:
    """Lets the agent call from the number. One that is another agent's is refused (409), as is a
    verified caller id."""
    number = await _number_of(asks, phone_number_id)
    if number.metadata[TYPE_LABEL] == _VERIFIED:
        return error(409, "conflict", "a verified caller id cannot be bound to an agent")
    bound = await asks.ask(
        BindPhoneNumberRequest(
            phone_number_id=number.phone_number_id, agent_id=known_id("agent", agent_id)
        ),
        BindPhoneNumberResponse,
    )
    return answer(shown_number(bound.phone_number))


@router.delete(
    "/{agent_id}/phone-numbers/{phone_number_id}", status_code=204, response_class=Response
)
async def unbind(agent_id: str, phone_number_id: str, asks: Asks) -> Response:
    number = await _number_of(asks, phone_number_id)
    if number.agent_id != known_id("agent", agent_id):
        return error(404, "phone_number_not_found", "the agent does not have this number")
    request = UnbindPhoneNumberRequest(phone_number_id=number.phone_number_id)
    await asks.ask(request, UnbindPhoneNumberResponse)
    return Response(status_code=204)


def shown_number(number: PhoneNumber) -> dict[str, Any]:
    return {
        "id": shown_id("phone", number.phone_number_id),
        "e164": number.address,
        "type": number.metadata.get(TYPE_LABEL, _DEFAULT_TYPE),
        "label": number.display_name or None,
        "trunk_id": shown_id("trunk", number.carrier_config),
        "agent_id": shown_id("agent", number.agent_id),
        "capabilities": [
            name for name, value in _CAPABILITIES.items() if value in number.capabilities
        ],
        "created_at": moment(number, "create_time"),
        "updated_at": moment(number, "update_time"),
    }


def _config_of(trunk_id: str | None) -> str:
    return known_id("trunk", trunk_id) if trunk_id else ""


async def _number_of(asks: Caller, phone_number_id: str) -> PhoneNumber:
    request = GetPhoneNumberRequest(phone_number_id=known_id("phone", phone_number_id))
    return (await asks.ask(request, GetPhoneNumberResponse)).phone_number
