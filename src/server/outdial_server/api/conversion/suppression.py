"""Entries of the do-not-call list."""

from outdial.v1 import suppression_pb2 as pb
from outdial.v1 import suppression_service_pb2 as service

from outdial_server.api.conversion.times import moment, timestamp
from outdial_server.domain.address import AddressError, parse_address
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.suppression import Suppression, SuppressionFields


def suppression_to_message(suppression: Suppression) -> pb.Suppression:
    return pb.Suppression(
        suppression_id=suppression.suppression_id,
        account_id=suppression.account_id,
        address=suppression.address,
        source=suppression.fields.source,
        reason=suppression.fields.reason,
        expire_time=timestamp(suppression.fields.expires_at),
        create_time=timestamp(suppression.created_at),
    )


def suppression_fields(request: service.CreateSuppressionsRequest) -> SuppressionFields:
    has_end = request.HasField("expire_time")
    expires_at = moment(request.expire_time, "expire_time") if has_end else None
    return SuppressionFields(request.source, request.reason, expires_at)


def filter_address(path: str, text: str) -> str:
    """In normal form; empty stays empty."""
    if not text:
        return ""
    try:
        return parse_address(text)[1]
    except AddressError as error:
        raise invalid_field(path, str(error)) from None
