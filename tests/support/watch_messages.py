"""WatchBatch as a client sees it: messages for the checkers, a reader that is cut by
chance, and what the log says in the end."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import grpc.aio
from outdial.v1.batch_service_pb2 import (
    ListBatchEventsRequest,
    WatchBatchRequest,
    WatchBatchResponse,
)
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.event_pb2 import Event
from outdial.v1.scheduled_call_pb2 import SCHEDULED_CALL_STATE_WAITING

from support.grpc import Metadata
from support.watch_checkers import Told, ToldEvent

Stream = grpc.aio.UnaryStreamCall[WatchBatchRequest, WatchBatchResponse]


def told_event(event: Event) -> ToldEvent:
    if event.WhichOneof("change") == "batch":
        return ToldEvent(event.sequence, event.type, None, None)
    change = event.scheduled_call
    return ToldEvent(event.sequence, event.type, change.scheduled_call_id, change.state)


def told_message(message: WatchBatchResponse) -> Told:
    return Told(
        datetime.now(UTC),
        message.sequence,
        message.resume_token,
        [(row.scheduled_call_id, row.state) for row in message.snapshot],
        [told_event(event) for event in message.events],
        message.snapshot_complete,
        message.heartbeat,
        message.batch_ended,
    )


def watch(channel: grpc.aio.Channel, key: Metadata, request: WatchBatchRequest) -> Stream:
    stub = BatchServiceStub(channel)
    stream: Stream = stub.WatchBatch(request, metadata=tuple(key))
    return stream


@dataclass
class GrpcReader:
    """Reads a watch to its end over as many streams as it takes, and drops a stream
    whenever `cut` says so, which is asked after each message."""

    channel: grpc.aio.Channel
    key: Metadata
    request: WatchBatchRequest
    cut: Callable[[], bool] = lambda: False
    told: list[Told] = field(default_factory=list)
    streams: int = 0
    # Set when the watcher has its first token: whatever happens now it is told.
    stands: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> Sequence[Told]:
        request = WatchBatchRequest()
        request.CopyFrom(self.request)
        while not (self.told and self.told[-1].ended):
            self.streams += 1
            stream = watch(self.channel, self.key, request)
            async for message in stream:
                self.told.append(told_message(message))
                if message.resume_token:
                    self.stands.set()
                # A snapshot that is cut is read again from its start.
                request.resume_token = message.resume_token
                if self.cut():
                    stream.cancel()
                    break
        return self.told


@dataclass(frozen=True)
class WholeLog:
    """All events of a batch, and the rows that it began with."""

    events: Sequence[ToldEvent]
    rows: Sequence[str]

    def states_at(self, sequence: int) -> dict[str, int]:
        states: dict[str, int] = dict.fromkeys(self.rows, SCHEDULED_CALL_STATE_WAITING)
        for event in self.events[:sequence]:
            if event.row is not None and event.state is not None:
                states[event.row] = event.state
        return states


async def read_whole_log(channel: grpc.aio.Channel, key: Metadata, batch_id: str) -> WholeLog:
    stub = BatchServiceStub(channel)
    events: list[ToldEvent] = []
    for _ in count():
        page = await stub.ListBatchEvents(
            ListBatchEventsRequest(batch_id=batch_id, after_sequence=len(events), page_size=1000),
            metadata=tuple(key),
        )
        events += map(told_event, page.events)
        if page.next_after_sequence == len(events) - len(page.events):
            break
    return WholeLog(events, sorted({event.row for event in events if event.row is not None}))
