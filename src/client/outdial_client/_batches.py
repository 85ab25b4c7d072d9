"""Batches."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import batch_service_pb2 as messages
from outdial.v1.batch_pb2 import Batch, BatchState
from outdial.v1.batch_service_pb2 import WatchDelivery, WatchScope
from outdial.v1.event_pb2 import Event
from outdial.v1.explanation_pb2 import BatchExplanation
from outdial.v1.forecast_pb2 import Forecast
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall, ScheduledCallState
from outdial.v1.window_pb2 import WindowEstimate

from outdial_client._batch_imports import BatchImports
from outdial_client._inputs import (
    NewBatch,
    NewCall,
    to_batch,
    to_scheduled_calls,
    to_selection,
)
from outdial_client._interruptions import WatchInterruption
from outdial_client._pager import Page, Pager
from outdial_client._times import to_duration, to_timestamp
from outdial_client._watch import BatchWatch
from outdial_client._watch_all import BatchesWatch
from outdial_client._watch_timing import WatchTiming


class Batches(BatchImports):
    """Lists of people that are called by one agent, inside one window and under one cap."""

    async def create(
        self,
        batch: NewBatch | Batch,
        calls: Iterable[NewCall | ScheduledCall] = (),
        *,
        contact_folder_ids: Iterable[str] = (),
        contact_ids: Iterable[str] = (),
        draft: bool = False,
        request_id: str = "",
        validate_only: bool = False,
    ) -> messages.CreateBatchResponse:
        """Makes a batch with its people, all or nothing, and starts it unless `draft`.

        The contacts of folders, and single ones, are copied behind `calls`, as they are
        now; each once. The answer holds the batch and the rows that DUPLICATE_POLICY_SKIP
        left out. Rows with faults raise InvalidArgumentError, whose `fields` name them as
        `scheduled_calls[6].address` or `contacts[CONTACT_ID].template_context.city`.
        With `validate_only` nothing is made: the answer, or the error, is what would come of
        it.
        """
        request = messages.CreateBatchRequest(
            batch=to_batch(batch),
            scheduled_calls=to_scheduled_calls(calls),
            contacts=to_selection(contact_folder_ids, contact_ids),
            draft=draft,
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self._send(self._stub.CreateBatch, request, long=True)

    async def add_calls(
        self,
        batch_id: str,
        calls: Iterable[NewCall | ScheduledCall] = (),
        *,
        contact_folder_ids: Iterable[str] = (),
        contact_ids: Iterable[str] = (),
        request_id: str = "",
        validate_only: bool = False,
        replace_waiting: bool = False,
    ) -> messages.AddScheduledCallsResponse:
        """Adds people behind the last one of a batch that has not ended, all or nothing.

        Contacts are copied as by `create`. With `validate_only` nobody is added: the answer
        is what would come of it. With `replace_waiting` they take the place of those who wait,
        in one change of the batch; who has been called, or is being called, stays.
        """
        request = messages.AddScheduledCallsRequest(
            batch_id=batch_id,
            scheduled_calls=to_scheduled_calls(calls),
            contacts=to_selection(contact_folder_ids, contact_ids),
            request_id=request_id,
            validate_only=validate_only,
            replace_waiting=replace_waiting,
        )
        return await self._send(self._stub.AddScheduledCalls, request, long=True)

    async def retry(
        self,
        batch_id: str,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        dispositions: Iterable[Disposition.ValueType] = (),
        window_end: datetime | None = None,
        request_id: str = "",
    ) -> messages.RetryBatchResponse:
        """Lets people who were called be called once more; a completed batch runs again.

        The answer holds the batch and how many wait again.

        Args:
            states: Of FAILED, EXPIRED, CANCELLED and COMPLETED; without any, FAILED.
            dispositions: Only those whose latest call ended so. Without any, every one
                but UNKNOWN and PRESUMED_ENDED, who may have been reached.
            window_end: A later end of the batch's window.
        """
        request = messages.RetryBatchRequest(
            batch_id=batch_id,
            states=states,
            dispositions=dispositions,
            window_end=to_timestamp(window_end),
            request_id=request_id,
        )
        return await self._send(self._stub.RetryBatch, request, long=True)

    async def wait_until_ended(self, batch_id: str, *, timeout: timedelta | None = None) -> Batch:
        """Waits until the last call of a batch has ended, and gives the batch.

        A server that is away is waited for. TimeoutError after `timeout`; the batch
        goes on.
        """
        seconds = None if timeout is None else timeout.total_seconds()
        async with asyncio.timeout(seconds):
            async with self.watch(batch_id, scope=WatchScope.WATCH_SCOPE_BATCH) as watch:
                async for _ in watch:
                    pass
            return await self.get(batch_id)

    async def get(self, batch_id: str, *, show_webhook_secret: bool = False) -> Batch:
        """One batch with its counts; what its webhook's requests are signed with only where it is
        asked for, and for a key with the scope WRITE."""
        request = messages.GetBatchRequest(
            batch_id=batch_id, show_webhook_secret=show_webhook_secret
        )
        return (await self._send(self._stub.GetBatch, request)).batch

    def list(
        self,
        *,
        states: Iterable[BatchState.ValueType] = (),
        agent_id: str = "",
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[Batch]:
        """Batches, newest first; without `states`, in all of them."""
        wanted = tuple(states)

        async def fetch(page_token: str) -> Page[Batch]:
            request = messages.ListBatchesRequest(
                page_size=page_size,
                page_token=page_token,
                skip=0 if page_token else skip,
                states=wanted,
                agent_id=agent_id,
            )
            response = await self._send(self._stub.ListBatches, request)
            return Page(response.batches, response.next_page_token)

        return Pager(fetch)

    async def update(
        self, batch: Batch, fields: Iterable[str], *, validate_only: bool = False
    ) -> Batch:
        """Writes those `fields` of `batch`; AbortedError when its etag is out of date.

        With `validate_only` nothing is written: the answer is the batch as it would be.
        """
        request = messages.UpdateBatchRequest(
            batch=batch,
            update_mask=FieldMask(paths=list(fields)),
            validate_only=validate_only,
        )
        return (await self._send(self._stub.UpdateBatch, request)).batch

    async def estimate_window(self, batch: NewBatch | Batch, call_count: int) -> WindowEstimate:
        """How long the window of such a batch must be for so many people; nothing is made."""
        request = messages.EstimateWindowRequest(batch=to_batch(batch), call_count=call_count)
        return (await self._send(self._stub.EstimateWindow, request)).estimate

    async def start(self, batch_id: str) -> Batch:
        """Starts a draft."""
        request = messages.StartBatchRequest(batch_id=batch_id)
        return (await self._send(self._stub.StartBatch, request)).batch

    async def pause(self, batch_id: str) -> messages.PauseBatchResponse:
        """Holds a batch. With `sends_in_flight` 0 in the answer nothing more is dialled."""
        request = messages.PauseBatchRequest(batch_id=batch_id)
        return await self._send(self._stub.PauseBatch, request, long=True)

    async def resume(self, batch_id: str) -> Batch:
        """Goes on with a batch that was paused."""
        request = messages.ResumeBatchRequest(batch_id=batch_id)
        return (await self._send(self._stub.ResumeBatch, request)).batch

    async def cancel(self, batch_id: str) -> messages.CancelBatchResponse:
        """Ends a batch; calls already placed come to their own end."""
        request = messages.CancelBatchRequest(batch_id=batch_id)
        return await self._send(self._stub.CancelBatch, request, long=True)

    async def delete(
        self, batch_id: str, *, states: Iterable[BatchState.ValueType] = ()
    ) -> messages.DeleteBatchResponse:
        """Hides a batch at once and cancels what waits.

        With `states`, only while it is in one of them; else PreconditionError, and nothing is
        done.
        """
        request = messages.DeleteBatchRequest(batch_id=batch_id, states=states)
        return await self._send(self._stub.DeleteBatch, request, long=True)

    def events(self, batch_id: str, *, after_sequence: int = 0, page_size: int = 0) -> Pager[Event]:
        """The events of a batch that there are now, from the one after `after_sequence` on."""

        async def fetch(page_token: str) -> Page[Event]:
            request = messages.ListBatchEventsRequest(
                batch_id=batch_id, after_sequence=int(page_token), page_size=page_size
            )
            response = await self._send(self._stub.ListBatchEvents, request)
            more = str(response.next_after_sequence) if response.events else ""
            return Page(response.events, more)

        return Pager(fetch, page_token=str(after_sequence))

    async def explain(self, batch_id: str) -> BatchExplanation:
        """Why a batch is dialled or not: a verdict, and every gate with its figures."""
        request = messages.ExplainBatchRequest(batch_id=batch_id)
        return (await self._send(self._stub.ExplainBatch, request)).explanation

    async def forecast(self, batch_id: str, *, horizon: timedelta | None = None) -> Forecast:
        """When a batch will end and what its calls will come to, each with a range.

        A draft or a paused batch is taken to be started now. Takes up to some seconds.

        Args:
            horizon: How far it looks: 1 minute to 60 days, 30 days unless it is said. What is
                unset in `end_time` comes later than that.
        """
        request = messages.ForecastBatchRequest(batch_id=batch_id, horizon=to_duration(horizon))
        return (await self._send(self._stub.ForecastBatch, request, long=True)).forecast

    def watch(
        self,
        batch_id: str,
        *,
        resume_token: str = "",
        delivery: WatchDelivery.ValueType = WatchDelivery.WATCH_DELIVERY_LATEST,
        scope: WatchScope.ValueType = WatchScope.WATCH_SCOPE_CALLS,
        min_interval: timedelta | None = None,
        timing: WatchTiming | None = None,
        on_interruption: Callable[[WatchInterruption], None] | None = None,
    ) -> BatchWatch:
        """What happens in a batch, until it has ended; goes on by itself when a stream breaks.

        Args:
            resume_token: Of the last message that was dealt with; without one the
                watch starts with a snapshot.
            delivery: EVERY_EVENT for each event exactly once; LATEST for the newest
                state of everything.
            scope: BATCH for state and counts alone.
            min_interval: Shortest time between two messages, 20 ms to 60 s.
            on_interruption: Told about each stream that broke, before the wait.
        """
        request = messages.WatchBatchRequest(
            batch_id=batch_id,
            resume_token=resume_token,
            delivery=delivery,
            scope=scope,
            min_interval=to_duration(min_interval),
        )
        connect = partial(self._sender.open_stream, self._stub.WatchBatch)
        return BatchWatch(
            connect, request, timing=timing or WatchTiming(), on_interruption=on_interruption
        )

    def watch_all(
        self,
        batch_ids: Iterable[str] = (),
        *,
        agent_id: str = "",
        resume_token: str = "",
        min_interval: timedelta | None = None,
        timing: WatchTiming | None = None,
        on_interruption: Callable[[WatchInterruption], None] | None = None,
    ) -> BatchesWatch:
        """Batches as they change; goes on by itself when a stream breaks.

        Args:
            batch_ids: At most 100; the watch ends when all have ended. Without any, those
                that have not ended (the newest 200), and those that come.
            agent_id: Only batches of this agent; not together with `batch_ids`.
            resume_token: Of the last message that was dealt with; without one the
                watch starts with a snapshot.
            min_interval: Shortest time between two flushes, 20 ms to 60 s.
            on_interruption: Told about each stream that broke, before the wait.
        """
        request = messages.WatchBatchesRequest(
            batch_ids=batch_ids,
            agent_id=agent_id,
            resume_token=resume_token,
            min_interval=to_duration(min_interval),
        )
        connect = partial(self._sender.open_stream, self._stub.WatchBatches)
        return BatchesWatch(
            connect, request, timing=timing or WatchTiming(), on_interruption=on_interruption
        )
