"""Phone numbers."""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import phone_number_pb2 as pb

from outdial_server.api.conversion.enums import PHONE_NUMBER_CAPABILITY
from outdial_server.api.conversion.holds import named_fields, show_hold
from outdial_server.api.conversion.request import filter_text
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.etag import etag_of
from outdial_server.domain.phone_number import (
    OUTBOUND_ALONE,
    Capability,
    PhoneNumber,
    PhoneNumberFields,
)

_WRITABLE: Final = (
    "display_name",
    "active",
    "capabilities",
    "max_concurrent_calls",
    "carrier_config",
    "metadata",
)


def phone_number_to_message(number: PhoneNumber) -> pb.PhoneNumber:
    fields = number.fields
    message = pb.PhoneNumber(
        phone_number_id=number.phone_number_id,
        account_id=number.account_id,
        address=number.address,
        display_name=fields.display_name,
        active=fields.active,
        capabilities=map(PHONE_NUMBER_CAPABILITY.to_message, fields.capabilities),
        max_concurrent_calls=fields.max_concurrent_calls or 0,
        carrier_config=fields.carrier_config,
        metadata=fields.metadata,
        create_time=timestamp(number.created_at),
        update_time=timestamp(number.updated_at),
        etag=etag_of(number.revision),
        active_calls=number.active_calls,
        agent_id=number.agent_id or "",
    )
    show_hold(message, number.held)
    return message


def phone_number_fields(message: pb.PhoneNumber) -> PhoneNumberFields:
    """Raises InvalidFieldsError for a capability that this server does not know."""
    listed = PHONE_NUMBER_CAPABILITY.each(message.capabilities, "phone_number.capabilities")
    return PhoneNumberFields(
        display_name=message.display_name,
        active=message.active if message.HasField("active") else True,
        capabilities=reduce(or_, listed, Capability(0)) or OUTBOUND_ALONE,
        max_concurrent_calls=message.max_concurrent_calls or None,
        carrier_config=filter_text("phone_number.carrier_config", message.carrier_config),
        metadata=dict(message.metadata),
    )


def phone_number_change(
    message: pb.PhoneNumber, mask: FieldMask
) -> Callable[[PhoneNumberFields], PhoneNumberFields]:
    """Writes what the mask names over the present fields."""
    named = named_fields(mask, message, _WRITABLE)
    fields = phone_number_fields(message)
    written = {name: getattr(fields, name) for name in named}
    return lambda present: replace(present, **written)
