"""Why a carrier config or a phone number gets no calls at a moment, and lifting that."""

from collections.abc import Collection
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.phone_number_pb2 import PhoneNumber

from outdial_server.api.conversion.masks import masked_fields
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.trouble import Held

HELD_UNTIL: Final = "held_until"


Holdable = CarrierConfig | PhoneNumber


def show_hold(message: Holdable, held: Held | None) -> None:
    if held is None:
        return
    message.held_reason, message.last_failure = held.reason, held.failure
    if held.until is not None:
        message.held_until.FromDatetime(held.until)


def named_fields(mask: FieldMask, message: Message, writable: Collection[str]) -> frozenset[str]:
    """As `masked_fields`, where the mask may name `held_until`, too."""
    if HELD_UNTIL not in mask.paths:
        return masked_fields(mask, message, writable)
    return masked_fields(mask, message, (*writable, HELD_UNTIL)) - {HELD_UNTIL}


def lifts_hold(message: Holdable, mask: FieldMask, path: str) -> bool:
    """Whether the mask names `held_until`, which can be taken away and not be set. Raises
    InvalidFieldsError."""
    if HELD_UNTIL not in mask.paths:
        return False
    if message.HasField(HELD_UNTIL):
        raise invalid_field(f"{path}.{HELD_UNTIL}", "must be unset: a hold can only be lifted")
    return True
