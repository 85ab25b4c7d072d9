"""BatchService."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from outdial.v1 import batch_service_pb2 as pb
from outdial.v1.batch_pb2 import Batch as BatchMessage
from outdial.v1.batch_service_pb2_grpc import BatchServiceServicer
from outdial.v1.import_pb2 import ImportOptions
from typing_extensions import override

from outdial_server.api.board_stream import BoardStream
from outdial_server.api.caller import caller
from outdial_server.api.conversion.batch import (
    batch_change,
    batch_spec,
    batch_to_message,
    skipped_to_message,
    webhook_edit,
)
from outdial_server.api.conversion.contact import contact_selection
from outdial_server.api.conversion.enums import BATCH_STATE, DISPOSITION, SCHEDULED_CALL_STATE
from outdial_server.api.conversion.event import event_to_message
from outdial_server.api.conversion.explanation import batch_explanation_to_message
from outdial_server.api.conversion.forecast import forecast_to_message
from outdial_server.api.conversion.ids import canonical, required_id
from outdial_server.api.conversion.imports import (
    finding_to_message,
    import_spec,
    import_to_message,
    numbered_row,
)
from outdial_server.api.conversion.request import (
    counted_page_of,
    page_of,
    take_growing_request,
    take_request_key,
)
from outdial_server.api.conversion.times import moment, span
from outdial_server.api.conversion.window import estimate_to_message
from outdial_server.api.import_stream import ImportStream
from outdial_server.api.long_list import LongList, add_in_slices
from outdial_server.api.watch_stream import WatchStream
from outdial_server.commands.add_scheduled_calls import AddScheduledCalls
from outdial_server.commands.create_batch import CreateBatch
from outdial_server.commands.estimate_window import EstimateWindow
from outdial_server.commands.explain import Explain
from outdial_server.commands.forecast_batch import ForecastBatch
from outdial_server.commands.import_scheduled_calls import ImportScheduledCalls
from outdial_server.commands.retry import Retry
from outdial_server.commands.shown_secrets import ShownSecrets
from outdial_server.commands.start_batch import StartBatch
from outdial_server.commands.stop_batch import StopBatch
from outdial_server.commands.update_batch import UpdateBatch
from outdial_server.domain.batch import Batch
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AgentId, BatchId, ImportId
from outdial_server.domain.paging import page_request
from outdial_server.domain.retry import retry_selection
from outdial_server.ports.batches import BatchStore
from outdial_server.ports.events import EventLog
from outdial_server.ports.intake import ImportStore
from outdial_server.ports.retries import RetryOrder


@dataclass(frozen=True)
class BatchServicer(BatchServiceServicer):
    batches: BatchStore
    events: EventLog
    create: CreateBatch
    add_rows: AddScheduledCalls
    import_rows: ImportScheduledCalls
    imports: ImportStore
    update: UpdateBatch
    estimate: EstimateWindow
    start: StartBatch
    stop: StopBatch
    retry: Retry
    watch: WatchStream
    board: BoardStream
    explain: Explain
    forecast: ForecastBatch
    import_silence_seconds: float
    secrets: ShownSecrets

    def _message(self, batch: Batch, *, show_secret: bool) -> BatchMessage:
        message = batch_to_message(batch)
        webhook = batch.settings.webhook
        if show_secret and webhook is not None:
            message.webhook_secret = self.secrets.of(caller(), webhook.secrets, batch.batch_id)
        return message

    @override
    async def CreateBatch(  # type: ignore[override] # see long_list
        self, request: LongList[pb.CreateBatchRequest], context: object
    ) -> pb.CreateBatchResponse:
        account_id = caller().account_id
        head = await request.read_head()
        dry = head.validate_only
        growing = None if dry else take_growing_request(account_id, "CreateBatch", head)
        spec = batch_spec(account_id, head.batch, draft=head.draft)
        rows, contacts = request.rows(growing), contact_selection(head.contacts)
        stored = await self.create.execute(spec, rows, growing, contacts, validate_only=dry)
        response = pb.CreateBatchResponse(
            batch=batch_to_message(stored.batch),
            duplicate_count=stored.duplicate_count,
            window_estimate=estimate_to_message(stored.estimate) if stored.estimate else None,
        )
        if dry:
            # There is no such batch.
            response.batch.ClearField("batch_id")
        await add_in_slices(response.skipped_duplicates, stored.skipped, skipped_to_message)
        return response

    @override
    async def GetBatch(self, request: pb.GetBatchRequest, context: object) -> pb.GetBatchResponse:
        batch = await self.batches.get_batch(caller().account_id, _batch_id(request.batch_id))
        return pb.GetBatchResponse(
            batch=self._message(batch, show_secret=request.show_webhook_secret)
        )

    @override
    async def ListBatches(
        self, request: pb.ListBatchesRequest, context: object
    ) -> pb.ListBatchesResponse:
        page = await self.batches.list_batches(
            caller().account_id,
            counted_page_of(request),
            BATCH_STATE.each(request.states, "states"),
            AgentId(canonical(request.agent_id)) if request.agent_id else None,
        )
        return pb.ListBatchesResponse(
            batches=(
                self._message(batch, show_secret=request.show_webhook_secrets)
                for batch in page.items
            ),
            next_page_token=page.next_token,
            total_size=page.total or 0,
        )

    @override
    async def UpdateBatch(
        self, request: pb.UpdateBatchRequest, context: object
    ) -> pb.UpdateBatchResponse:
        batch = await self.update.execute(
            caller().account_id,
            _batch_id(request.batch.batch_id, "batch.batch_id"),
            batch_change(request.batch, request.update_mask),
            request.batch.etag,
            webhook=webhook_edit(request.batch, request.update_mask),
            validate_only=request.validate_only,
        )
        return pb.UpdateBatchResponse(batch=batch_to_message(batch))

    @override
    async def EstimateWindow(
        self, request: pb.EstimateWindowRequest, context: object
    ) -> pb.EstimateWindowResponse:
        spec = batch_spec(caller().account_id, request.batch, draft=True)
        found = await self.estimate.execute(spec, request.call_count)
        return pb.EstimateWindowResponse(estimate=estimate_to_message(found))

    @override
    async def DeleteBatch(
        self, request: pb.DeleteBatchRequest, context: object
    ) -> pb.DeleteBatchResponse:
        states = BATCH_STATE.each(request.states, "states")
        batch_id = _batch_id(request.batch_id)
        stopped = await self.stop.delete(caller().account_id, batch_id, states)
        return pb.DeleteBatchResponse(sends_in_flight=stopped.sends_in_flight)

    @override
    async def StartBatch(
        self, request: pb.StartBatchRequest, context: object
    ) -> pb.StartBatchResponse:
        batch = await self.start.execute(caller().account_id, _batch_id(request.batch_id))
        return pb.StartBatchResponse(batch=batch_to_message(batch))

    @override
    async def PauseBatch(
        self, request: pb.PauseBatchRequest, context: object
    ) -> pb.PauseBatchResponse:
        stopped = await self.stop.pause(caller().account_id, _batch_id(request.batch_id))
        return pb.PauseBatchResponse(
            batch=batch_to_message(stopped.batch), sends_in_flight=stopped.sends_in_flight
        )

    @override
    async def ResumeBatch(
        self, request: pb.ResumeBatchRequest, context: object
    ) -> pb.ResumeBatchResponse:
        batch = await self.start.resume(caller().account_id, _batch_id(request.batch_id))
        return pb.ResumeBatchResponse(batch=batch_to_message(batch))

    @override
    async def CancelBatch(
        self, request: pb.CancelBatchRequest, context: object
    ) -> pb.CancelBatchResponse:
        stopped = await self.stop.cancel(caller().account_id, _batch_id(request.batch_id))
        return pb.CancelBatchResponse(
            batch=batch_to_message(stopped.batch), sends_in_flight=stopped.sends_in_flight
        )

    @override
    async def AddScheduledCalls(  # type: ignore[override] # see long_list
        self, request: LongList[pb.AddScheduledCallsRequest], context: object
    ) -> pb.AddScheduledCallsResponse:
        account_id = caller().account_id
        head = await request.read_head()
        batch_id = _batch_id(head.batch_id)
        dry = head.validate_only
        growing = None if dry else take_growing_request(account_id, "AddScheduledCalls", head)
        rows, contacts = request.rows(growing), contact_selection(head.contacts)
        stored = await self.add_rows.execute(
            account_id,
            batch_id,
            rows,
            growing,
            contacts,
            validate_only=dry,
            replaces=head.replace_waiting,
        )
        response = pb.AddScheduledCallsResponse(
            batch=batch_to_message(stored.batch),
            duplicate_count=stored.duplicate_count,
            window_estimate=estimate_to_message(stored.estimate) if stored.estimate else None,
        )
        await add_in_slices(response.skipped_duplicates, stored.skipped, skipped_to_message)
        return response

    @override
    async def ImportScheduledCalls(
        self,
        request_iterator: AsyncIterator[pb.ImportScheduledCallsRequest],
        context: object,
    ) -> pb.ImportScheduledCallsResponse:
        account_id = caller().account_id
        stream = ImportStream(request_iterator, numbered_row, self.import_silence_seconds)
        options: ImportOptions = await stream.options()
        growing = take_growing_request(
            account_id, "ImportScheduledCalls", options, "options.request_id"
        )
        spec = import_spec(account_id, options)
        stored = await self.import_rows.execute(spec, stream.rows(growing), growing)
        return pb.ImportScheduledCallsResponse(
            **{"import": import_to_message(stored.imported) if stored.imported else None},
            batch=batch_to_message(stored.batch),
        )

    @override
    async def GetImport(
        self, request: pb.GetImportRequest, context: object
    ) -> pb.GetImportResponse:
        import_ = await self.imports.get_import(caller().account_id, _import_id(request.import_id))
        return pb.GetImportResponse(**{"import": import_to_message(import_)})

    @override
    async def ListImportFindings(
        self, request: pb.ListImportFindingsRequest, context: object
    ) -> pb.ListImportFindingsResponse:
        page = await self.imports.list_findings(
            caller().account_id,
            _import_id(request.import_id),
            page_of(request),
        )
        return pb.ListImportFindingsResponse(
            findings=map(finding_to_message, page.items), next_page_token=page.next_token
        )

    @override
    async def RetryBatch(
        self, request: pb.RetryBatchRequest, context: object
    ) -> pb.RetryBatchResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        order = RetryOrder(
            account_id,
            _batch_id(request.batch_id),
            retry_selection(
                SCHEDULED_CALL_STATE.each(request.states, "states"),
                DISPOSITION.each(request.dispositions, "dispositions"),
            ),
            moment(request.window_end, "window_end") if request.HasField("window_end") else None,
        )
        retried = await self.retry.batch(order, key)
        return pb.RetryBatchResponse(
            batch=batch_to_message(retried.batch), retried_count=retried.count
        )

    @override
    async def ExplainBatch(
        self, request: pb.ExplainBatchRequest, context: object
    ) -> pb.ExplainBatchResponse:
        explanation = await self.explain.batch(caller().account_id, _batch_id(request.batch_id))
        return pb.ExplainBatchResponse(explanation=batch_explanation_to_message(explanation))

    @override
    async def ForecastBatch(
        self, request: pb.ForecastBatchRequest, context: object
    ) -> pb.ForecastBatchResponse:
        horizon = span(request.horizon, "horizon") if request.HasField("horizon") else None
        made = await self.forecast.execute(
            caller().account_id, _batch_id(request.batch_id), horizon
        )
        return pb.ForecastBatchResponse(forecast=forecast_to_message(made))

    @override
    def WatchBatch(
        self, request: pb.WatchBatchRequest, context: object
    ) -> AsyncIterator[pb.WatchBatchResponse]:
        return self.watch.messages(caller().account_id, request)

    @override
    def WatchBatches(
        self, request: pb.WatchBatchesRequest, context: object
    ) -> AsyncIterator[pb.WatchBatchesResponse]:
        return self.board.messages(caller().account_id, request)

    @override
    async def ListBatchEvents(
        self, request: pb.ListBatchEventsRequest, context: object
    ) -> pb.ListBatchEventsResponse:
        if request.after_sequence < 0:
            raise invalid_field("after_sequence", "must not be negative")
        size = page_request(request.page_size, "").size
        batch_id = _batch_id(request.batch_id)
        # The log itself knows no accounts.
        await self.batches.get_batch(caller().account_id, batch_id)
        read = await self.events.read(batch_id, request.after_sequence, size)
        last = read.events[-1].sequence if read.events else request.after_sequence
        return pb.ListBatchEventsResponse(
            events=map(event_to_message, read.events),
            next_after_sequence=last,
            oldest_sequence=read.oldest_sequence,
        )


def _batch_id(text: str, path: str = "batch_id") -> BatchId:
    return BatchId(required_id(text, path))


def _import_id(text: str) -> ImportId:
    return ImportId(required_id(text, "import_id"))
