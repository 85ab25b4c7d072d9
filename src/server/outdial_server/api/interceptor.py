"""What every RPC goes through: request id, key, scope, errors, metrics and one log line.

Each method's handler is wrapped once and kept. What an RPC costs on top of its handler
is bound by a benchmark, so that thin handlers stay cheap.
"""

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any, Final, TypeAlias

import grpc
import structlog
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc.aio import AbortError, InternalError
from typing_extensions import override

from outdial_server.api.caller import set_caller
from outdial_server.api.decoding import check_readable, lenient, readable
from outdial_server.api.errors import code_of, internal_status, status_of
from outdial_server.api.long_list import READERS, LongList
from outdial_server.api.metrics import MethodMetrics, RpcMetrics
from outdial_server.api.scopes import REQUIRED_SCOPES, check_scope
from outdial_server.commands.keys import Authenticate
from outdial_server.domain.account import Principal
from outdial_server.domain.errors import OutdialError
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource

REQUEST_ID_KEY: Final = "x-request-id"
_STATUS_KEY: Final = "grpc-status-details-bin"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

_OPEN_TO_ALL: Final = "/grpc."
"""Health and reflection need no key."""

_LOGGED_IDS: Final = ("batch_id", "scheduled_call_id", "call_id", "agent_id", "import_id")
_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")

# As text: grpc's own classes take no parameters at run time.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
HandlerOrNone: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Context = Any
Behaviour = Callable[[Any, Context], Any]
Unary = Callable[[Any, Context], Awaitable[Message]]
Stream = Callable[[Any, Context], AsyncIterator[Message]]

# For callers in this process. A request is read only once the caller is let in: it may be long,
# and what is wrong with it is nobody's but the caller's.
Read = Callable[[], Awaitable[Any]]
Asked = Callable[[Read, Context], Awaitable[Message]]
Streamed = Callable[[Read, Context], Awaitable[None]]

# By request_streaming and response_streaming.
_KINDS: Final[Mapping[tuple[bool, bool], tuple[str, Callable[..., Handler]]]] = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}

log = structlog.get_logger("outdial.api")


class RpcInterceptor(grpc.aio.ServerInterceptor):
    def __init__(
        self, authenticate: Authenticate, clock: Clock, ids: IdSource, metrics: RpcMetrics
    ) -> None:
        self._clock = clock
        self._authenticate = authenticate
        self._request_ids = RequestIds(ids)
        self._metrics = metrics
        self._wrapped: dict[str, Handler] = {}

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[HandlerOrNone]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> HandlerOrNone:
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        # Unknown methods are not kept: there is no end to them.
        if handler is None or method.startswith(_OPEN_TO_ALL):
            return handler
        wrapped = self._wrapped[method] = self._wrap(method, handler)
        return wrapped

    def asked(self, method: str, behaviour: Unary) -> "Asked":
        """An RPC that answers once, with all of it, for callers in this process."""
        return self._guard(method).asked(behaviour)

    def streamed(self, method: str, behaviour: Stream) -> "Streamed":
        """The same for one that answers with a stream."""
        return self._guard(method).streamed(behaviour)

    def gathered(self, method: str, behaviour: Unary) -> Unary:
        """The same for one that takes a stream and answers once. Of the stream nothing is read
        before the caller is let in."""
        return self._guard(method).unary(behaviour)

    def _guard(self, method: str) -> "_Guard":
        metrics = self._metrics.of_method(method)
        return _Guard(method, self._authenticate, self._clock, self._request_ids, metrics)

    def _wrap(self, method: str, handler: Handler) -> Handler:
        guard = self._guard(method)
        name, make = _KINDS[handler.request_streaming, handler.response_streaming]
        behaviour = getattr(handler, name)
        guarded = guard.stream if handler.response_streaming else guard.unary
        deserialize = READERS.get(method) or (
            handler.request_deserializer and lenient(handler.request_deserializer)
        )
        return make(guarded(behaviour), deserialize, handler.response_serializer)


class RequestIds:
    """Ids for RPCs that bring none: one random part a server, then a number. They name
    lines of a log, and an id of their own would cost as much as the rest of an RPC."""

    def __init__(self, ids: IdSource) -> None:
        self._server = ids.new_id().rpartition("-")[2]
        self._numbers = count(1)

    def next(self) -> str:
        return f"{self._server}-{next(self._numbers)}"


@dataclass(slots=True)
class _Rpc:
    """One RPC under way."""

    request_id: str
    secret: str
    started_at: datetime
    principal: Principal | None = None


class _Guard:
    """Everything around the handler of one method."""

    def __init__(
        self,
        method: str,
        authenticate: Authenticate,
        clock: Clock,
        request_ids: "RequestIds",
        metrics: MethodMetrics,
    ) -> None:
        self._method = method
        self._scopes = REQUIRED_SCOPES[method]
        self._authenticate = authenticate
        self._clock = clock
        self._request_ids = request_ids
        self._metrics = metrics
        # Bound once: the logger as it is imported makes itself anew for each line.
        self._log = log.bind(method=method)

    def unary(self, behaviour: Unary) -> Unary:
        async def guarded(request: Any, context: Context) -> Message:
            rpc = self._begin(context)
            try:
                await self._admit(rpc)
                response = await behaviour(_checked(request), context)
            except BaseException as error:
                await self._fail(rpc, request, context, error)
                raise
            self._end(rpc, request, StatusCode.OK, response=response)
            return response

        return guarded

    def stream(self, behaviour: Stream) -> Behaviour:
        # Writes by itself instead of being a generator: a client that goes away then
        # cancels us here and not, some time later, in the garbage collector.
        async def guarded(request: Any, context: Context) -> None:
            rpc = self._begin(context)
            try:
                await self._admit(rpc)
                async for message in behaviour(_checked(request), context):
                    await _write(context, message)
            except BaseException as error:
                await self._fail(rpc, request, context, error)
                raise
            self._end(rpc, request, StatusCode.OK)

        return guarded

    def asked(self, behaviour: Unary) -> Asked:
        async def guarded(read: Read, context: Context) -> Message:
            rpc, request = self._begin(context), None
            try:
                await self._admit(rpc)
                request = await read()
                response = await behaviour(request, context)
            except BaseException as error:
                await self._fail(rpc, request, context, error)
                raise
            self._end(rpc, request, StatusCode.OK, response=response)
            return response

        return guarded

    def streamed(self, behaviour: Stream) -> Streamed:
        async def guarded(read: Read, context: Context) -> None:
            rpc, request = self._begin(context), None
            try:
                await self._admit(rpc)
                request = await read()
                async for message in behaviour(request, context):
                    await context.write(message)
            except BaseException as error:
                await self._fail(rpc, request, context, error)
                raise
            self._end(rpc, request, StatusCode.OK)

        return guarded

    def _begin(self, context: Context) -> _Rpc:
        request_id = api_key = bearer = ""
        for key, value in context.invocation_metadata():
            if key == "x-api-key":
                api_key = value
            elif key == "authorization":
                bearer = _bearer(value)
            elif key == REQUEST_ID_KEY and _REQUEST_ID.fullmatch(value):
                request_id = value
        request_id = request_id or self._request_ids.next()
        self._metrics.begun()
        # In the trailer, which costs no message of its own.
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
        return _Rpc(request_id, api_key or bearer, self._clock.now())

    async def _admit(self, rpc: _Rpc) -> None:
        rpc.principal = principal = await self._authenticate.execute(rpc.secret)
        check_scope(principal, self._scopes)
        set_caller(principal)

    async def _fail(self, rpc: _Rpc, request: Any, context: Context, error: BaseException) -> None:
        """Ends the RPC with the status of an error. Returns for one that is to be raised
        as it is."""
        if isinstance(error, OutdialError):
            self._end(rpc, request, code_of(error), error.reason.value)
            await _abort(context, rpc.request_id, code_of(error), status_of(error))
        elif isinstance(error, asyncio.CancelledError):
            self._end(rpc, request, StatusCode.CANCELLED)
        elif isinstance(error, Exception) and not isinstance(error, AbortError):
            self._end(rpc, request, StatusCode.INTERNAL, "INTERNAL", fault=error)
            status = internal_status(rpc.request_id)
            await _abort(context, rpc.request_id, StatusCode.INTERNAL, status)
        else:
            self._end(rpc, request, StatusCode.UNKNOWN)

    def _end(
        self,
        rpc: _Rpc,
        request: Any,
        code: StatusCode,
        reason: str = "",
        fault: Exception | None = None,
        response: Message | None = None,
    ) -> None:
        seconds = (self._clock.now() - rpc.started_at).total_seconds()
        self._metrics.ended(code, seconds)
        fields = _ids_in(request)
        if response is not None:
            fields |= _ids_of_resources(response)
        fields["request_id"] = rpc.request_id
        if rpc.principal is not None:
            fields["account_id"] = rpc.principal.account_id
        if reason:
            fields["reason"] = reason
        duration_ms = round(seconds * 1000, 3)
        if fault is None:
            self._log.info("rpc.ended", outcome=code.name, duration_ms=duration_ms, **fields)
        else:
            self._log.error(
                "rpc.broken",
                outcome=code.name,
                duration_ms=duration_ms,
                exc_info=fault,
                **fields,
            )


async def _write(context: Context, message: Message) -> None:
    try:
        await context.write(message)
    except InternalError:
        # A client that leaves while a message is on its way: gRPC tells the writer first,
        # and cancels us only then.
        raise asyncio.CancelledError from None


async def _abort(context: Context, request_id: str, code: StatusCode, status: Status) -> None:
    trailer = ((REQUEST_ID_KEY, request_id), (_STATUS_KEY, status.SerializeToString()))
    await context.abort(code, status.message, trailer)


def _checked(request: Any) -> Any:
    """The request or the stream of requests, for a handler to read."""
    if isinstance(request, AsyncIterable):
        return readable(request)
    check_readable(request)
    return request


def _bearer(value: str) -> str:
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _ids_in(request: Any) -> dict[str, object]:
    """The ids that a request names; not what is none, which could be anything."""
    if isinstance(request, LongList):
        request = request.head
    if not isinstance(request, Message):
        return {}
    named = {name: getattr(request, name) for name in _id_fields(request.DESCRIPTOR)}
    return {name: text for name, text in named.items() if _ID.fullmatch(text)}


def _ids_of_resources(response: Message) -> dict[str, object]:
    """What was made, or is told of: `batch_id` of `batch`. These are our own ids."""
    return {
        id_name: getattr(getattr(response, field), id_name)
        for field, id_name in _resource_fields(response.DESCRIPTOR)
        if response.HasField(field)
    }


@cache
def _resource_fields(descriptor: Descriptor) -> tuple[tuple[str, str], ...]:
    return tuple(
        (field.name, f"{field.name}_id")
        for field in descriptor.fields
        if field.message_type is not None
        and f"{field.name}_id" in _LOGGED_IDS
        and f"{field.name}_id" in field.message_type.fields_by_name
    )


@cache
def _id_fields(descriptor: Descriptor) -> tuple[str, ...]:
    return tuple(name for name in _LOGGED_IDS if name in descriptor.fields_by_name)
