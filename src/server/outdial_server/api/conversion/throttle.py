"""Throttles."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import throttle_pb2 as pb

from outdial_server.api.conversion.masks import masked_fields
from outdial_server.api.conversion.times import duration, span, timestamp
from outdial_server.domain.etag import etag_of
from outdial_server.domain.throttle import Throttle, ThrottleFields, ThrottleRule

_WRITABLE: Final = ("display_name", "rules")


def throttle_to_message(throttle: Throttle) -> pb.Throttle:
    return pb.Throttle(
        throttle_id=throttle.throttle_id,
        account_id=throttle.account_id,
        display_name=throttle.fields.display_name,
        rules=[
            pb.ThrottleRule(max_calls=rule.max_calls, window=duration(rule.window))
            for rule in throttle.fields.rules
        ],
        create_time=timestamp(throttle.created_at),
        update_time=timestamp(throttle.updated_at),
        etag=etag_of(throttle.revision),
    )


def throttle_fields(message: pb.Throttle) -> ThrottleFields:
    rules = tuple(
        ThrottleRule(rule.max_calls, span(rule.window, f"throttle.rules[{index}].window"))
        for index, rule in enumerate(message.rules)
    )
    return ThrottleFields(message.display_name, rules)


def throttle_change(
    message: pb.Throttle, mask: FieldMask
) -> Callable[[ThrottleFields], ThrottleFields]:
    """Writes what the mask names over the present fields."""
    named = masked_fields(mask, message, _WRITABLE)
    fields = throttle_fields(message)
    written = {name: getattr(fields, name) for name in named}
    return lambda present: replace(present, **written)
