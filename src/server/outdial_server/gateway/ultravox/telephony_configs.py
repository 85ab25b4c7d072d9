"""Telephony configs: the account's credentials at each carrier, of which this API knows one."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_config_service_pb2 import (
    CreateCarrierConfigRequest,
    CreateCarrierConfigResponse,
    DeleteCarrierConfigRequest,
    DeleteCarrierConfigResponse,
    UpdateCarrierConfigRequest,
    UpdateCarrierConfigResponse,
)
from pydantic import Field
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, invalid_field
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.dialect import DialectRoute
from outdial_server.gateway.ultravox.answer import NO_CONTENT, answer
from outdial_server.gateway.ultravox.carriers import find_config
from outdial_server.gateway.ultravox.documents import refusals
from outdial_server.gateway.ultravox.models import Id, Plain
from outdial_server.gateway.ultravox.parts import Asks

ROUTES: Final = APIRouter(tags=["Telephony configs"], route_class=DialectRoute)

Text = Annotated[str, Field(min_length=1, max_length=512)]


class Incoming(Plain):
    """Rules for calls that come in, which do not come by here: nothing but the defaults is
    taken."""

    call_creation_allowed_agent_ids: list[Id] | None = Field(None, max_length=100)
    call_creation_allow_all_agents: bool | None = None
    request_context_mapping: dict[str, str] | None = None

    def check(self) -> None:
        """Raises InvalidFieldsError."""
        for name, field in type(self).model_fields.items():
            if name in Incoming.model_fields and getattr(self, name):
                raise invalid_field(field.alias or name, "Calls that come in do not come by here.")


class Twilio(Incoming):
    account_sid: Text | None = None
    auth_token: Text | None = None


class Telnyx(Incoming):
    account_sid: Text | None = None
    api_key: Text | None = None
    public_key: Text | None = None
    application_sid: Annotated[str, Field(min_length=1, max_length=40)] | None = None


class Plivo(Incoming):
    auth_id: Text | None = None
    auth_token: Text | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """One carrier: which field of its credentials each field here is, and which are secrets."""

    body: type[Incoming]
    fields: dict[str, str]
    secrets: dict[str, str]


_KINDS: Final = {
    "twilio": _Kind(Twilio, {"account_sid": "account_sid"}, {"auth_token": "auth_token"}),
    "telnyx": _Kind(
        Telnyx,
        {"account_sid": "texml_account_sid", "application_sid": "connection_id"},
        {"api_key": "api_key", "public_key": "public_key"},
    ),
    "plivo": _Kind(Plivo, {"auth_id": "auth_id"}, {"auth_token": "auth_token"}),
}


def _path(carrier: str) -> str:
    return f"/api/telephony_configs/{carrier}"


@ROUTES.post(
    _path("twilio"),
    status_code=201,
    operation_id="telephony_configs_twilio_create",
    response_model=dict[str, Any],
    responses=refusals(400),
)
async def create_twilio(body: Twilio, asks: Asks) -> Response:
    return await _create(asks, "twilio", body)


@ROUTES.patch(
    _path("twilio"),
    operation_id="telephony_configs_twilio_partial_update",
    response_model=dict[str, Any],
    responses=refusals(400, 404),
)
async def patch_twilio(body: Twilio, asks: Asks) -> Response:
    return await _patch(asks, "twilio", body)


@ROUTES.post(
    _path("telnyx"),
    status_code=201,
    operation_id="telephony_configs_telnyx_create",
    response_model=dict[str, Any],
    responses=refusals(400),
)
async def create_telnyx(body: Telnyx, asks: Asks) -> Response:
    return await _create(asks, "telnyx", body)


@ROUTES.patch(
    _path("telnyx"),
    operation_id="telephony_configs_telnyx_partial_update",
    response_model=dict[str, Any],
    responses=refusals(400, 404),
)
async def patch_telnyx(body: Telnyx, asks: Asks) -> Response:
    return await _patch(asks, "telnyx", body)


@ROUTES.post(
    _path("plivo"),
    status_code=201,
    operation_id="telephony_configs_plivo_create",
    response_model=dict[str, Any],
    responses=refusals(400),
)
async def create_plivo(body: Plivo, asks: Asks) -> Response:
    return await _create(asks, "plivo", body)


@ROUTES.patch(
    _path("plivo"),
    operation_id="telephony_configs_plivo_partial_update",
    response_model=dict[str, Any],
    responses=refusals(400, 404),
)
async def patch_plivo(body: Plivo, asks: Asks) -> Response:
    return await _patch(asks, "plivo", body)


Carrier = Literal["twilio", "telnyx", "plivo"]


@ROUTES.get(
    _path("{carrier}"),
    operation_id="telephony_configs_retrieve",
    response_model=dict[str, Any],
    responses=refusals(400, 404),
)
async def get_config(carrier: Carrier, asks: Asks) -> Response:
    return answer(_shown(await _find(asks, carrier)))


@ROUTES.delete(
    _path("{carrier}"),
    status_code=NO_CONTENT,
    operation_id="telephony_configs_destroy",
    responses=refusals(400, 404),
)
async def delete_config(carrier: Carrier, asks: Asks) -> Response:
    """Not while a batch is dialled through it."""
    config = await _find(asks, carrier)
    request = DeleteCarrierConfigRequest(carrier_config_id=config.carrier_config_id)
    await asks.ask(request, DeleteCarrierConfigResponse)
    return Response(status_code=NO_CONTENT)


async def _create(asks: Caller, carrier: str, body: Incoming) -> Response:
    body.check()
    if await find_config(asks, carrier) is not None:
        raise invalid_field("non_field_errors", f"There is a {carrier} configuration already.")
    config = CarrierConfig(display_name=carrier, carrier=carrier)
    _write(config, carrier, body)
    request = CreateCarrierConfigRequest(carrier_config=config)
    made = await asks.ask(request, CreateCarrierConfigResponse)
    return answer(_shown(made.carrier_config), 201)


async def _patch(asks: Caller, carrier: str, body: Incoming) -> Response:
    """Credentials are written as a whole, with their secrets: what is kept is not read back."""
    body.check()
    config = await _find(asks, carrier)
    if body.model_fields_set - Incoming.model_fields.keys():
        _write(config, carrier, body)
        request = UpdateCarrierConfigRequest(
            carrier_config=config, update_mask=FieldMask(paths=[carrier])
        )
        config = (await asks.ask(request, UpdateCarrierConfigResponse)).carrier_config
    return answer(_shown(config))


def _write(config: CarrierConfig, carrier: str, body: Incoming) -> None:
    """Over what is there, but for secrets, which are never there. Raises InvalidFieldsError."""
    kind, credentials = _KINDS[carrier], getattr(config, carrier)
    faults = list[FieldViolation]()
    for name, field in (kind.fields | kind.secrets).items():
        said = getattr(body, name)
        if said is not None:
            setattr(credentials, field, said)
        elif name in kind.secrets or not getattr(credentials, field):
            faults.append(FieldViolation(to_camel(name), "This field is required."))
    if faults:
        raise InvalidFieldsError(faults)


async def _find(asks: Caller, carrier: str) -> CarrierConfig:
    config = await find_config(asks, carrier)
    if config is None or config.WhichOneof("credentials") != carrier:
        raise HTTPException(404)
    return config


def _shown(config: CarrierConfig) -> dict[str, Any]:
    kind, credentials = _KINDS[config.carrier], getattr(config, config.carrier)
    told: dict[str, Any] = {
        to_camel(name): getattr(credentials, field) for name, field in kind.fields.items()
    }
    for name, field in kind.secrets.items():
        told[f"{to_camel(name)}Prefix"] = {"prefix": _hint(credentials, field)}
    return told | {
        "callCreationAllowedAgentIds": [],
        "callCreationAllowAllAgents": False,
        "requestContextMapping": {},
    }


def _hint(credentials: Any, field: str) -> str:
    """Of a public key all is known, and as little shown."""
    told: str = getattr(credentials, f"{field}_hint", "") or getattr(credentials, field)[:4]
    return told
