"""A real gRPC server on loopback whose answers a test writes down beforehand."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from outdial.v1 import (
    account_service_pb2,
    agent_service_pb2,
    batch_service_pb2,
    call_service_pb2,
    carrier_config_service_pb2,
    contact_service_pb2,
    external_call_service_pb2,
    phone_number_service_pb2,
    scheduled_call_service_pb2,
    server_info_service_pb2,
    suppression_service_pb2,
    throttle_service_pb2,
    webhook_service_pb2,
)
from outdial.v1.batch_pb2 import Batch, BatchState
from outdial.v1.batch_service_pb2 import WatchBatchResponse
from outdial.v1.event_pb2 import Event

SERVICES = [
    service
    for module in (
        account_service_pb2,
        agent_service_pb2,
        batch_service_pb2,
        call_service_pb2,
        carrier_config_service_pb2,
        external_call_service_pb2,
        scheduled_call_service_pb2,
        server_info_service_pb2,
        suppression_service_pb2,
        throttle_service_pb2,
        webhook_service_pb2,
        contact_service_pb2,
        phone_number_service_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
]
REQUEST_ID = "req-7"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Ends an RPC with an error."""

    code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    message: str = "no"
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    fields: tuple[tuple[str, str], ...] = ()
    retry_after: timedelta | None = None
    early: bool = False
    """Of a stream of requests: before any of it is read."""

    def details(self) -> bytes:
        status = Status(code=self.code.value[0], message=self.message)
        parts: list[Message] = []
        if self.reason:
            info = ErrorInfo(reason=self.reason, domain="outdial.dev", metadata=self.metadata)
            parts.append(info)
        if self.fields:
            violations = [
                BadRequest.FieldViolation(field=name, description=fault)
                for name, fault in self.fields
            ]
            parts.append(BadRequest(field_violations=violations))
        if self.retry_after is not None:
            retry = RetryInfo()
            retry.retry_delay.FromTimedelta(self.retry_after)
            parts.append(retry)
        for part in parts:
            status.details.add().Pack(part)
        return status.SerializeToString()

    async def give(self, context: grpc.aio.ServicerContext) -> None:
        trailing = (("grpc-status-details-bin", self.details()), ("x-request-id", REQUEST_ID))
        await context.abort(self.code, self.message, trailing_metadata=trailing)


class Silence:
    """Sends nothing more and keeps the stream open."""


Answer = Message | Refusal | Callable[[Any], Awaitable[Message | Refusal]]
Part = Message | Refusal | Silence
Script = Iterable[Part] | Callable[[Any], AsyncIterator[Part]]


@dataclass(frozen=True)
class Received:
    request: Any
    metadata: dict[str, Any]
    seconds_left: float | None


class FarEnd:
    """Answers each method with what was written down for it, in order; the last one repeats."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        self._credentials = credentials
        self.received: dict[str, list[Received]] = defaultdict(list)
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        self._scripts: dict[str, list[Script]] = defaultdict(list)
        self.on_upload: Callable[[int], Awaitable[None]] = _take_it
        """Called with the number of each message of a stream of requests."""
        self._server: grpc.aio.Server | None = None
        self._port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def answer(self, method: str, *answers: Answer) -> None:
        self._answers[method] = list(answers)

    def watch(self, *scripts: Script) -> None:
        """One script for each watch that is opened."""
        self.stream("WatchBatch", *scripts)

    def stream(self, method: str, *scripts: Script) -> None:
        """One script for each stream of answers that is opened."""
        self._scripts[method] = list(scripts)

    def requests(self, method: str) -> list[Any]:
        return [received.request for received in self.received[method]]

    def tokens(self) -> list[str]:
        """What each stream resumed from."""
        return [request.resume_token for request in self.requests("WatchBatch")]

    async def start(self) -> None:
        """Listens; after `stop` on the same port again."""
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 64 << 20)]
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers([self._handlers(service) for service in SERVICES])
        listen = f"127.0.0.1:{self._port}"
        if self._credentials is None:
            self._port = self._server.add_insecure_port(listen)
        else:
            self._port = self._server.add_secure_port(listen, self._credentials)
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def _handlers(self, service: Any) -> grpc.GenericRpcHandler:
        handlers = {method.name: self._handler(method) for method in service.methods}
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler:
        codec = {
            "request_deserializer": message_factory.GetMessageClass(method.input_type).FromString,
            "response_serializer": lambda message: message.SerializeToString(),
        }
        if method.server_streaming:

            async def stream(
                request: Message, context: grpc.aio.ServicerContext
            ) -> AsyncIterator[Message]:
                async for message in self._stream(method.name, request, context):
                    yield message

            return grpc.unary_stream_rpc_method_handler(stream, **codec)
        if method.client_streaming:

            async def upload(
                requests: AsyncIterator[Message], context: grpc.aio.ServicerContext
            ) -> Message | None:
                return await self._upload(method.name, requests, context)

            return grpc.stream_unary_rpc_method_handler(upload, **codec)

        async def unary(request: Message, context: grpc.aio.ServicerContext) -> Message | None:
            return await self._unary(method.name, request, context)

        return grpc.unary_unary_rpc_method_handler(unary, **codec)

    async def _unary(
        self, method: str, request: Message, context: grpc.aio.ServicerContext
    ) -> Message | None:
        self._note(method, request, context)
        return await self._give(self._next_answer(method), request, context)

    async def _upload(
        self, method: str, requests: AsyncIterator[Message], context: grpc.aio.ServicerContext
    ) -> Message | None:
        """What was received is a list of messages."""
        received: list[Message] = []
        self._note(method, received, context)
        answer = self._next_answer(method)
        if not (isinstance(answer, Refusal) and answer.early):
            # One by one, so that a stream that breaks has left what came before.
            async for request in requests:
                received.append(request)
                await self.on_upload(len(received))
        return await self._give(answer, received, context)

    def _next_answer(self, method: str) -> Answer:
        answers = self._answers[method]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def _give(
        self, answer: Answer, request: Any, context: grpc.aio.ServicerContext
    ) -> Message | None:
        if callable(answer):
            answer = await answer(request)
        if isinstance(answer, Refusal):
            await answer.give(context)
            return None
        return answer

    async def _stream(
        self, method: str, request: Message, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Message]:
        self._note(method, request, context)
        script = self._scripts[method].pop(0)
        parts = script(request) if callable(script) else _iterate(script)
        async for part in parts:
            if isinstance(part, Refusal):
                await part.give(context)
            elif isinstance(part, Silence):
                await asyncio.Event().wait()
            else:
                yield part

    def _note(self, method: str, request: Any, context: grpc.aio.ServicerContext) -> None:
        metadata = dict(context.invocation_metadata() or ())
        self.received[method].append(Received(request, metadata, context.time_remaining()))


async def _take_it(number: int) -> None:
    pass


async def _iterate(parts: Iterable[Part]) -> AsyncIterator[Part]:
    for part in parts:
        yield part


def token(sequence: int) -> str:
    return f"after-{sequence}"


def snapshot(sequence: int) -> WatchBatchResponse:
    """A whole snapshot in one message."""
    return WatchBatchResponse(
        sequence=sequence,
        resume_token=token(sequence),
        batch=Batch(batch_id="b-1"),
        snapshot_complete=True,
    )


def update(*sequences: int, ended: bool = False) -> WatchBatchResponse:
    """A message with the events of these numbers."""
    return WatchBatchResponse(
        sequence=sequences[-1],
        resume_token=token(sequences[-1]),
        events=[Event(sequence=sequence) for sequence in sequences],
        state=BatchState.BATCH_STATE_COMPLETED if ended else BatchState.BATCH_STATE_RUNNING,
        batch_ended=ended,
    )


def heartbeat(sequence: int) -> WatchBatchResponse:
    return WatchBatchResponse(sequence=sequence, resume_token=token(sequence), heartbeat=True)
