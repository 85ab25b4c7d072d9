"""Any RPC by its descriptor, and what came back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from outdial_server.api.server import SERVICES

Metadata = Iterable[tuple[str, str]]


def all_methods() -> Iterator[MethodDescriptor]:
    for service in SERVICES:
        yield from service.methods


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


METHODS: Mapping[str, MethodDescriptor] = {method.name: method for method in all_methods()}
"""By bare name, which no two services share."""


def with_key(secret: str) -> Metadata:
    return (("x-api-key", secret),)


async def call(
    channel: grpc.aio.Channel,
    name: str,
    key: Metadata = (),
    request: Message | Sequence[Message] | None = None,
    **fields: Any,
) -> Any:
    """Calls a method; of a stream, with one message or several, or for the first one. Raises
    AioRpcError."""
    method = METHODS[name]
    if request is None:
        request = GetMessageClass(method.input_type)(**fields)
    make = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
    }[method.client_streaming, method.server_streaming]
    rpc = make(
        path_of(method),
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )(_several(request) if method.client_streaming else request, metadata=tuple(key))
    return await (rpc.read() if method.server_streaming else rpc)


def _several(request: Message | Sequence[Message]) -> Sequence[Message]:
    return [request] if isinstance(request, Message) else request


@dataclass(frozen=True)
class Refusal:
    """An error as a client reads it."""

    code: grpc.StatusCode
    message: str
    info: error_details_pb2.ErrorInfo
    details: Mapping[type[Message], Any]
    request_id: str

    @property
    def fields(self) -> list[str]:
        bad_request = self.details[error_details_pb2.BadRequest]
        return [violation.field for violation in bad_request.field_violations]


_DETAILS = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.PreconditionFailure,
    error_details_pb2.RetryInfo,
)


def refusal(error: grpc.aio.AioRpcError) -> Refusal:
    status = rpc_status.from_call(error)
    assert isinstance(status, status_pb2.Status), f"no details: {error!r}"
    details = {}
    for packed in status.details:
        kind = next(kind for kind in _DETAILS if packed.Is(kind.DESCRIPTOR))
        details[kind] = kind()
        packed.Unpack(details[kind])
    return Refusal(
        error.code(),
        error.details() or "",
        details[error_details_pb2.ErrorInfo],
        details,
        str(dict(error.trailing_metadata() or ()).get("x-request-id", "")),
    )


async def refused(channel: grpc.aio.Channel, name: str, *args: Any, **fields: Any) -> Refusal:
    """Calls a method that must refuse."""
    try:
        answer = await call(channel, name, *args, **fields)
    except grpc.aio.AioRpcError as error:
        return refusal(error)
    raise AssertionError(f"{name} answered {answer!r}")
