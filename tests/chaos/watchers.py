"""Watchers that were promised every event exactly once, whatever becomes of the servers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Final

import grpc.aio
from outdial.v1.batch_service_pb2 import (
    WATCH_DELIVERY_EVERY_EVENT,
    WatchBatchRequest,
    WatchBatchResponse,
)
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.event_pb2 import Event

from outdial_client import Client, OutdialError
from outdial_client._times import to_duration
from support.grpc import with_key
from support.processes import API_KEY

_FLUSH: Final = timedelta(milliseconds=20)
_SILENCE_SECONDS: Final = 1.0
"""After so long without a word a wanderer goes elsewhere: the server may stand still."""
_MESSAGES_MOST: Final = 40
"""And after so many messages at the most, though nothing is wrong."""
_PAUSE_SECONDS: Final = 0.05
_PASSING: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

BatchStream = grpc.aio.UnaryStreamCall[WatchBatchRequest, WatchBatchResponse]
Hear = Callable[[str, Event], None]


@dataclass
class Witness:
    """What one watcher was told, in the order in which it was."""

    name: str
    batch_id: str
    hear: Hear
    # Its snapshot holds everything up to here; it must miss nothing from there on.
    snapshot_sequence: int | None = None
    heard: list[tuple[int, bytes]] = field(default_factory=list)
    streams: int = 0
    follows: asyncio.Event = field(default_factory=asyncio.Event)
    # What it was refused with; it has given up then.
    refused: str = ""

    def note(self, message: WatchBatchResponse) -> None:
        if message.snapshot_complete:
            self.snapshot_sequence = message.sequence
            self.follows.set()
        for event in message.events:
            self.heard.append((event.sequence, event.SerializeToString(deterministic=True)))
            self.hear(self.batch_id, event)

    def give_up(self, error: Exception) -> None:
        self.refused = repr(error)
        self.follows.set()


async def follow(witness: Witness, addresses: str) -> None:
    """By the SDK, which resumes by itself."""
    async with Client(addresses, api_key=API_KEY) as client:
        watch = client.batches.watch(
            witness.batch_id, delivery=WATCH_DELIVERY_EVERY_EVENT, min_interval=_FLUSH
        )
        witness.streams += 1
        try:
            async for message in watch:
                witness.note(message)
        except OutdialError as error:
            witness.give_up(error)


class Wanderer:
    """Goes from server to server with nothing but its token, and sorts nothing out: what comes
    twice, was sent twice."""

    def __init__(self, witness: Witness, address_of_any: Callable[[], str], rng: Random) -> None:
        self._witness = witness
        self._address_of_any = address_of_any
        self._rng = rng
        self._token = ""
        self._ended = False

    async def wander(self) -> None:
        while not self._ended:
            async with grpc.aio.insecure_channel(self._address_of_any()) as channel:
                self._witness.streams += 1
                try:
                    await self._read_some(channel)
                except grpc.aio.AioRpcError as error:
                    self._witness.give_up(error)
                    return

    async def _read_some(self, channel: grpc.aio.Channel) -> None:
        request = WatchBatchRequest(
            batch_id=self._witness.batch_id,
            resume_token=self._token,
            delivery=WATCH_DELIVERY_EVERY_EVENT,
            min_interval=to_duration(_FLUSH),
        )
        stream = BatchServiceStub(channel).WatchBatch(request, metadata=with_key(API_KEY))
        left = self._rng.randint(1, _MESSAGES_MOST)
        while left and not self._ended:
            message = await _next(stream)
            if message is None:
                break
            self._note(message)
            # A snapshot without its end has no token, and would begin anew.
            left -= bool(self._token)
        stream.cancel()

    def _note(self, message: WatchBatchResponse) -> None:
        self._witness.note(message)
        self._token = message.resume_token or self._token
        self._ended = message.batch_ended


async def _next(stream: BatchStream) -> WatchBatchResponse | None:
    """None when there is none to be had here. Raises for what no other server would mend."""
    reading = asyncio.ensure_future(stream.read())
    try:
        await asyncio.wait({reading}, timeout=_SILENCE_SECONDS)
        # A stream that the server cancels looks like a cancellation of ours.
        if not reading.done() or reading.cancelled():
            return None
        message = reading.result()
    except grpc.aio.AioRpcError as error:
        if error.code() not in _PASSING:
            raise
        # Not so fast that a server which is away is all that there is to see.
        await asyncio.sleep(_PAUSE_SECONDS)
        return None
    finally:
        reading.cancel()
    return message if isinstance(message, WatchBatchResponse) else None
