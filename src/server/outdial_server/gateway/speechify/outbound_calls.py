"""A single call."""

from typing import Annotated, Literal

from fastapi import APIRouter
from outdial.v1.call_service_pb2 import CreateCallRequest, CreateCallResponse
from pydantic import AfterValidator, BaseModel, Field, StrictBool, StrictStr, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from outdial_server.gateway.speechify.answers import answer
from outdial_server.gateway.speechify.asked import Asks, Key
from outdial_server.gateway.speechify.ids import known_id, shown_id
from outdial_server.gateway.speechify.moments import ring_timeout
from outdial_server.gateway.speechify.shapes import Phone, RingingTimeout
from outdial_server.gateway.speechify.variables import WithVariables, fill_variables


def _unserved(value: bool) -> bool:
    if value:
        raise PydanticCustomError("unserved", "is not served here; leave it out")
    return value


# A literal takes 0 for it.
Unserved = Annotated[StrictBool, AfterValidator(_unserved), WithJsonSchema({"const": False})]


class NewOutboundCall(WithVariables):
    agent_id: StrictStr
    to: Phone
    caller_id_number: Phone | None = None
    ringing_timeout_ms: RingingTimeout | None = None
    language: Annotated[
        StrictStr | None, Field(description="Taken, and of no effect: the agent has its own.")
    ] = None
    # Without them it would be another call than was asked for.
    dtmf_prefix: Annotated[Literal[""] | None, Field(description="Not served here.")] = None
    amd: Annotated[Unserved | None, Field(description="Not served here.")] = None


class PlacedCall(BaseModel):
    conversation_id: str


router = APIRouter(prefix="/v1/agents", tags=["Outbound calls"])


@router.post("/outbound-calls", status_code=201, response_model=PlacedCall)
async def create(body: NewOutboundCall, asks: Asks, key: Key = "") -> Response:
    """Dialled at once; where a limit has no room for it, it is refused (429)."""
    request = CreateCallRequest(
        agent_id=known_id("agent", body.agent_id),
        address=body.to,
        caller_id=body.caller_id_number or "",
        request_id=key,
    )
    fill_variables(request.template_context, body.variables)
    if body.ringing_timeout_ms is not None:
        request.ring_timeout.CopyFrom(ring_timeout(body.ringing_timeout_ms))
    made = await asks.ask(request, CreateCallResponse)
    return answer({"conversation_id": shown_id("conv", made.call.call_id)}, 201)
