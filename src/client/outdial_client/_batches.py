"""Batches."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from outdial.v1 import batch_service_pb2 as messages
from outdial.v1.batch_pb2 import Batch, BatchState
from outdial.v1.batch_service_pb2 import WatchDelivery, WatchScope
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.event_pb2 import Event
from outdial.v1.import_pb2 import BadRowPolicy, Import, ImportOptions
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall, ScheduledCallState

from outdial_client._csv import CsvFile, CsvSource
from outdial_client._csv_columns import CsvColumns
from outdial_client._errors import ImportRefusedError
from outdial_client._import_rows import CallImportRows, CsvImportRows, ImportRows
from outdial_client._import_stream import ImportStream
from outdial_client._imports import ImportFinding, ImportProgress, ImportResult, to_finding
from outdial_client._inputs import (
    NewBatch,
    NewCall,
    to_batch,
    to_duration,
    to_scheduled_calls,
    to_timestamp,
)
from outdial_client._interruptions import WatchInterruption
from outdial_client._output_file import OutputFile
from outdial_client._pager import Page, Pager
from outdial_client._refused_rows import write_refused_rows
from outdial_client._requests import Sender
from outdial_client._watch import BatchWatch
from outdial_client._watch_timing import WatchTiming

# As large as the server gives: a report asks for all.
_FINDINGS_PAGE = 1000


class Batches:
    """Lists of people that are called by one agent, inside one window and under one cap."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._channel = channel
        self._stub = BatchServiceStub(channel)
        self._sender = sender
        self._send = sender.send

    async def create(
        self,
        batch: NewBatch | Batch,
        calls: Iterable[NewCall | ScheduledCall] = (),
        *,
        draft: bool = False,
        request_id: str = "",
    ) -> messages.CreateBatchResponse:
        """Makes a batch with its people, all or nothing, and starts it unless `draft`.

        The answer holds the batch and the rows that DUPLICATE_POLICY_SKIP left out.
        Rows with faults raise InvalidArgumentError, whose `fields` name them as
        `scheduled_calls[6].address`.
        """
        request = messages.CreateBatchRequest(
            batch=to_batch(batch),
            scheduled_calls=to_scheduled_calls(calls),
            draft=draft,
            request_id=request_id,
        )
        return await self._send(self._stub.CreateBatch, request, long=True)

    async def add_calls(
        self,
        batch_id: str,
        calls: Iterable[NewCall | ScheduledCall],
        *,
        request_id: str = "",
    ) -> messages.AddScheduledCallsResponse:
        """Adds people behind the last one of a batch that has not ended, all or nothing."""
        request = messages.AddScheduledCallsRequest(
            batch_id=batch_id, scheduled_calls=to_scheduled_calls(calls), request_id=request_id
        )
        return await self._send(self._stub.AddScheduledCalls, request, long=True)

    async def import_csv(
        self,
        file: CsvFile,
        *,
        batch_id: str = "",
        new_batch: NewBatch | Batch | None = None,
        draft: bool = False,
        columns: CsvColumns | None = None,
        bad_rows: BadRowPolicy.ValueType = BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL,
        request_id: str = "",
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ImportResult:
        """Adds the people in a CSV file to a batch, or makes a batch with them, at once.

        The file may have up to a million rows; it is never in memory as a whole. Its
        first line names the columns. Until the end nothing of it shows in the batch.

        Args:
            file: A path, or a file that is open for reading bytes: UTF-8 or UTF-16,
                with commas, semicolons or tabs.
            batch_id: The batch to add to, if it is there already.
            new_batch: The batch to make, if not. One of the two must be given.
            draft: A new batch waits for `start`.
            columns: Which column holds what; else it is found by the usual names.
            bad_rows: What to do when rows have faults: add nothing, or the others.
            request_id: Of an import that broke off, to make sure of it.
            on_progress: Told after each slice of 500 rows.

        Raises:
            CsvFileError: It cannot be read at all, or no column holds numbers.
            ImportRefusedError: Rows have faults, with REJECT_ALL.
            ImportInterruptedError: The connection broke, twice if the file can be read
                again.
        """
        rows = CsvImportRows(CsvSource(file), columns)
        options = _import_options(batch_id, new_batch, draft, bad_rows, request_id)
        return await self._import(rows, options, on_progress)

    async def import_rows(
        self,
        calls: Iterable[NewCall | ScheduledCall] | AsyncIterable[NewCall | ScheduledCall],
        *,
        batch_id: str = "",
        new_batch: NewBatch | Batch | None = None,
        draft: bool = False,
        bad_rows: BadRowPolicy.ValueType = BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL,
        request_id: str = "",
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ImportResult:
        """The same as `import_csv` with rows that a program makes, as long as it likes.

        Rows are numbered from 1. They are taken 500 at a time, as the server takes
        them. After a broken connection lists and tuples are sent once more; what a
        generator gave is gone, so ImportInterruptedError comes at once.
        """
        options = _import_options(batch_id, new_batch, draft, bad_rows, request_id)
        return await self._import(CallImportRows(calls), options, on_progress)

    async def get_import(self, import_id: str) -> Import:
        """An import that came to its end, by its id."""
        request = messages.GetImportRequest(import_id=import_id)
        response = await self._send(self._stub.GetImport, request)
        # The field's name is a word of Python's, so its type is not in the stubs.
        return cast(Import, getattr(response, "import"))

    def import_findings(
        self, imported: str | ImportResult | ImportRefusedError, *, page_size: int = 0
    ) -> Pager[ImportFinding]:
        """What an import has to say about its rows, by row number.

        With the result or the error of `import_csv` the findings name columns of the
        file; with an import's id alone, fields of ScheduledCall.
        """
        import_id, columns = (
            (imported, {}) if isinstance(imported, str) else (imported.import_id, imported.columns)
        )

        async def fetch(page_token: str) -> Page[ImportFinding]:
            request = messages.ListImportFindingsRequest(
                import_id=import_id, page_size=page_size, page_token=page_token
            )
            response = await self._send(self._stub.ListImportFindings, request)
            findings = [to_finding(finding, columns) for finding in response.findings]
            return Page(findings, response.next_page_token)

        return Pager(fetch)

    async def write_refused_rows(
        self,
        imported: str | ImportResult | ImportRefusedError,
        source: CsvFile,
        target: OutputFile,
    ) -> int:
        """Writes the rows of a CSV file that were not added into another, and counts them.

        Each with its row number, column and reason in front of the cells that it had.
        Cells that a spreadsheet would run as formulas get an apostrophe.

        Args:
            imported: The import, as for `import_findings`.
            source: The file that was imported; it is read once more.
            target: A path, or a file that is open for writing bytes.
        """
        findings = self.import_findings(imported, page_size=_FINDINGS_PAGE)
        return await write_refused_rows(findings, CsvSource(source), target)

    async def retry(
        self,
        batch_id: str,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        dispositions: Iterable[Disposition.ValueType] = (),
        window_end: datetime | None = None,
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

    async def get(self, batch_id: str) -> Batch:
        """One batch with its counts."""
        request = messages.GetBatchRequest(batch_id=batch_id)
        return (await self._send(self._stub.GetBatch, request)).batch

    def list(
        self,
        *,
        states: Iterable[BatchState.ValueType] = (),
        agent_id: str = "",
        page_size: int = 0,
    ) -> Pager[Batch]:
        """Batches, newest first; without `states`, in all of them."""
        wanted = tuple(states)

        async def fetch(page_token: str) -> Page[Batch]:
            request = messages.ListBatchesRequest(
                page_size=page_size, page_token=page_token, states=wanted, agent_id=agent_id
            )
            response = await self._send(self._stub.ListBatches, request)
            return Page(response.batches, response.next_page_token)

        return Pager(fetch)

    async def update(self, batch: Batch, fields: Iterable[str]) -> Batch:
        """Writes those `fields` of `batch`; AbortedError when its etag is out of date."""
        request = messages.UpdateBatchRequest(
            batch=batch, update_mask=FieldMask(paths=list(fields))
        )
        return (await self._send(self._stub.UpdateBatch, request)).batch

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

    async def delete(self, batch_id: str) -> messages.DeleteBatchResponse:
        """Hides a batch at once and cancels what waits."""
        request = messages.DeleteBatchRequest(batch_id=batch_id)
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

    async def _import(
        self,
        rows: ImportRows,
        options: ImportOptions,
        on_progress: Callable[[ImportProgress], None] | None,
    ) -> ImportResult:
        return await ImportStream(self._channel, self._sender, options, rows, on_progress).send()


def _import_options(
    batch_id: str,
    new_batch: NewBatch | Batch | None,
    draft: bool,
    bad_rows: BadRowPolicy.ValueType,
    request_id: str,
) -> ImportOptions:
    if bool(batch_id) == (new_batch is not None):
        raise ValueError("give either batch_id or new_batch")
    options = ImportOptions(draft=draft, bad_rows=bad_rows, request_id=request_id)
    if new_batch is None:
        options.batch_id = batch_id
    else:
        options.new_batch.CopyFrom(to_batch(new_batch))
    return options
