"""Carrier configs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import carrier_config_pb2 as pb

from outdial_server.api.conversion.masks import masked_fields
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.carrier_config import CarrierConfig, CarrierConfigFields, CarrierRates
from outdial_server.domain.etag import etag_of

_WRITABLE: Final = ("display_name", "max_concurrent_calls", "calls_per_second", "metadata")


def carrier_config_to_message(config: CarrierConfig, rates: CarrierRates) -> pb.CarrierConfig:
    fields = config.fields
    return pb.CarrierConfig(
        carrier_config_id=config.carrier_config_id,
        account_id=config.account_id,
        display_name=fields.display_name,
        carrier=config.carrier,
        max_concurrent_calls=fields.max_concurrent_calls or 0,
        calls_per_second=fields.calls_per_second or 0,
        effective_calls_per_second=rates.rate_of(config.carrier, fields.calls_per_second) or 0,
        metadata=fields.metadata,
        create_time=timestamp(config.created_at),
        update_time=timestamp(config.updated_at),
        etag=etag_of(config.revision),
        active_calls=config.active_calls,
    )


def carrier_config_fields(message: pb.CarrierConfig) -> CarrierConfigFields:
    return CarrierConfigFields(
        message.display_name,
        message.max_concurrent_calls or None,
        message.calls_per_second or None,
        dict(message.metadata),
    )


def carrier_config_change(
    message: pb.CarrierConfig, mask: FieldMask
) -> Callable[[CarrierConfigFields], CarrierConfigFields]:
    """Writes what the mask names over the present fields."""
    named = masked_fields(mask, message, _WRITABLE)
    fields = carrier_config_fields(message)
    written = {name: getattr(fields, name) for name in named}
    return lambda present: replace(present, **written)
