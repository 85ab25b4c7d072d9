"""Carrier configs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import carrier_config_pb2 as pb

from outdial_server.api.conversion.holds import named_fields, show_hold
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.carrier_config import CarrierConfig, CarrierConfigFields, CarrierRates
from outdial_server.domain.credentials import HINT_SUFFIX, GivenCredentials
from outdial_server.domain.etag import etag_of

_CREDENTIALS: Final = pb.CarrierConfig.DESCRIPTOR.oneofs_by_name["credentials"]
_KINDS: Final = frozenset(field.name for field in _CREDENTIALS.fields)
_LIMITS: Final = ("display_name", "max_concurrent_calls", "calls_per_second", "metadata")
_WRITABLE: Final = (*_LIMITS, *_KINDS)


def carrier_config_to_message(config: CarrierConfig, rates: CarrierRates) -> pb.CarrierConfig:
    fields = config.fields
    message = pb.CarrierConfig(
        carrier_config_id=config.carrier_config_id,
        account_id=config.account_id,
        display_name=fields.display_name,
        carrier=config.carrier,
        max_concurrent_calls=fields.max_concurrent_calls or 0,
        calls_per_second=fields.calls_per_second or 0,
        effective_calls_per_second=rates.effective_rate_of(config) or 0,
        metadata=fields.metadata,
        create_time=timestamp(config.created_at),
        update_time=timestamp(config.updated_at),
        etag=etag_of(config.revision),
        active_calls=config.active_calls,
        **_shown_credentials(config),
    )
    show_hold(message, config.held)
    return message


def _shown_credentials(config: CarrierConfig) -> dict[str, Any]:
    credentials = config.fields.credentials
    return {} if credentials is None else {config.carrier: dict(credentials.shown)}


def carrier_config_fields(message: pb.CarrierConfig) -> CarrierConfigFields:
    return CarrierConfigFields(
        message.display_name,
        message.max_concurrent_calls or None,
        message.calls_per_second or None,
        dict(message.metadata),
    )


def given_credentials(
    message: pb.CarrierConfig, mask: FieldMask | None = None
) -> GivenCredentials | None:
    """Those that are to be written: with a mask only where it names them."""
    carrier = message.WhichOneof("credentials")
    if carrier is None or carrier not in _named(message, mask):
        return None
    values = {
        field.name: value
        for field, value in getattr(message, carrier).ListFields()
        if not field.name.endswith(HINT_SUFFIX)
    }
    return GivenCredentials(carrier, values)


def carrier_config_change(
    message: pb.CarrierConfig, mask: FieldMask
) -> Callable[[CarrierConfigFields], CarrierConfigFields]:
    """Writes what the mask names over the present fields. Credentials that it names are taken
    away: those in their place come sealed."""
    named = _named(message, mask)
    fields = carrier_config_fields(message)
    written: dict[str, Any] = {name: getattr(fields, name) for name in named.intersection(_LIMITS)}
    if named & _KINDS:
        written["credentials"] = None
    return lambda present: replace(present, **written)


def _named(message: pb.CarrierConfig, mask: FieldMask | None) -> frozenset[str]:
    return frozenset(_WRITABLE) if mask is None else named_fields(mask, message, _WRITABLE)
