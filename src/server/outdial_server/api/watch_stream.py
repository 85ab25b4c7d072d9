"""WatchBatch: streams of watch/, in messages."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Final
from weakref import WeakKeyDictionary

from outdial.v1 import batch_service_pb2 as pb
from outdial.v1 import event_pb2

from outdial_server.api.conversion.batch import batch_to_message, counts_to_message
from outdial_server.api.conversion.enums import BATCH_STATE, EnumPair
from outdial_server.api.conversion.event import event_to_message
from outdial_server.api.conversion.ids import required_id
from outdial_server.api.conversion.scheduled_call import scheduled_call_to_message
from outdial_server.api.conversion.times import span
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.ports.batches import BatchStore
from outdial_server.ports.clock import Clock
from outdial_server.ports.events import EventLog
from outdial_server.ports.signals import Signals
from outdial_server.watch.fold import Delivery, Scope, View
from outdial_server.watch.update import Update, UpdateKind
from outdial_server.watch.watcher import (
    INTERVAL_DEFAULT,
    INTERVAL_MAX,
    INTERVAL_MIN,
    Watchers,
    WatchRequest,
)

_DELIVERY: Final = EnumPair(Delivery, pb.WatchDelivery, "WATCH_DELIVERY")
_SCOPE: Final = EnumPair(Scope, pb.WatchScope, "WATCH_SCOPE")
_IN_SNAPSHOT: Final = (UpdateKind.SNAPSHOT, UpdateKind.SNAPSHOT_COMPLETE)

EventUpdate = Update[event_pb2.Event]


class WatchStream:
    """The watchers of this process. `draining`, once set, ends all streams."""

    def __init__(
        self,
        log: EventLog,
        batches: BatchStore,
        clock: Clock,
        signals: Signals,
        draining: asyncio.Event,
    ) -> None:
        self._batches = batches
        # Its counts are for telemetry.
        self.watchers = Watchers(log, clock, signals, event_to_message, draining)
        # An update that many watchers get is made into a message once, and forgotten with
        # the last of them.
        self._messages: WeakKeyDictionary[EventUpdate, pb.WatchBatchResponse] = WeakKeyDictionary()

    async def messages(
        self, account_id: AccountId, request: pb.WatchBatchRequest
    ) -> AsyncGenerator[pb.WatchBatchResponse, None]:
        """Raises InvalidFieldsError, NotFoundError (BATCH_NOT_FOUND), OutOfRangeError
        (EVENTS_ERASED), UnavailableError (SERVER_DRAINING)."""
        wanted = _watch_request(request)
        batch_id = BatchId(required_id(request.batch_id, "batch_id"))
        # The log itself knows no accounts.
        batch = await self._batches.get_batch(account_id, batch_id)
        async with aclosing(self.watchers.watch(batch, wanted)) as updates:
            async for update in updates:
                yield self._message(update)

    def _message(self, update: EventUpdate) -> pb.WatchBatchResponse:
        message = self._messages.get(update)
        if message is None:
            message = self._messages[update] = _update_to_message(update)
        return message


def _watch_request(request: pb.WatchBatchRequest) -> WatchRequest:
    return WatchRequest(
        request.resume_token,
        View(
            _DELIVERY.from_message(request.delivery, "delivery", Delivery.LATEST),
            _SCOPE.from_message(request.scope, "scope", Scope.CALLS),
        ),
        watch_interval(request),
    )


def watch_interval(request: pb.WatchBatchRequest | pb.WatchBatchesRequest) -> timedelta:
    """Raises InvalidFieldsError."""
    if not request.HasField("min_interval"):
        return INTERVAL_DEFAULT
    interval = span(request.min_interval, "min_interval")
    if not INTERVAL_MIN <= interval <= INTERVAL_MAX:
        raise invalid_field("min_interval", "must be from 20 ms to 60 s")
    return interval


def _update_to_message(update: EventUpdate) -> pb.WatchBatchResponse:
    batch = update.batch
    return pb.WatchBatchResponse(
        sequence=update.sequence,
        resume_token=update.resume_token,
        state=BATCH_STATE.to_message(batch.state),
        counts=counts_to_message(batch.counts),
        batch=batch_to_message(batch) if update.kind in _IN_SNAPSHOT else None,
        snapshot=map(scheduled_call_to_message, update.rows),
        snapshot_complete=update.kind is UpdateKind.SNAPSHOT_COMPLETE,
        events=update.events,
        heartbeat=update.kind is UpdateKind.HEARTBEAT,
        batch_ended=update.ended,
    )
