"""Rows of batches."""

from collections.abc import Callable, Iterable, Sequence

from grpc.aio import Channel
from outdial.v1 import scheduled_call_service_pb2 as messages
from outdial.v1.explanation_pb2 import ScheduledCallExplanation
from outdial.v1.scheduled_call_pb2 import (
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)
from outdial.v1.scheduled_call_service_pb2_grpc import ScheduledCallServiceStub

from outdial_client._export import ResultExport
from outdial_client._interruptions import Interruptions, WatchInterruption
from outdial_client._output_file import OutputFile
from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender
from outdial_client._result_files import (
    CsvResults,
    ExportProgress,
    JsonLinesResults,
    write_results,
)
from outdial_client._watch_timing import WatchTiming


class ScheduledCalls:
    """The people of a batch, one row each."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = ScheduledCallServiceStub(channel)
        self._sender = sender
        self._send = sender.send

    async def get(self, scheduled_call_id: str) -> ScheduledCall:
        """One row, by its id."""
        request = messages.GetScheduledCallRequest(scheduled_call_id=scheduled_call_id)
        return (await self._send(self._stub.GetScheduledCall, request)).scheduled_call

    def list(
        self,
        batch_id: str,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        dispatch_outcomes: Iterable[DispatchOutcome.ValueType] = (),
        custom_id: str = "",
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[ScheduledCall]:
        """The rows of a batch by position; without `states`, in all of them, and likewise
        without `dispatch_outcomes`. The first `skip` of them are passed over."""
        wanted, outcomes = tuple(states), tuple(dispatch_outcomes)

        async def fetch(page_token: str) -> Page[ScheduledCall]:
            request = messages.ListScheduledCallsRequest(
                batch_id=batch_id,
                page_size=page_size,
                page_token=page_token,
                skip=0 if page_token else skip,
                states=wanted,
                custom_id=custom_id,
                dispatch_outcomes=outcomes,
            )
            response = await self._send(self._stub.ListScheduledCalls, request)
            return Page(response.scheduled_calls, response.next_page_token)

        return Pager(fetch)

    async def cancel(self, scheduled_call_id: str) -> ScheduledCall:
        """Takes a row that waits out of its batch."""
        request = messages.CancelScheduledCallRequest(scheduled_call_id=scheduled_call_id)
        return (await self._send(self._stub.CancelScheduledCall, request)).scheduled_call

    async def retry(self, scheduled_call_id: str, *, request_id: str = "") -> ScheduledCall:
        """Lets somebody whose calls have ended be called once more; see `batches.retry`."""
        request = messages.RetryScheduledCallRequest(
            scheduled_call_id=scheduled_call_id, request_id=request_id
        )
        return (await self._send(self._stub.RetryScheduledCall, request)).scheduled_call

    async def explain(self, scheduled_call_id: str) -> ScheduledCallExplanation:
        """Why one person is dialled or not; see `batches.explain`."""
        request = messages.ExplainScheduledCallRequest(scheduled_call_id=scheduled_call_id)
        return (await self._send(self._stub.ExplainScheduledCall, request)).explanation

    def export(
        self,
        batch_id: str,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        from_position: int = 0,
        with_conversations: bool = False,
        timing: WatchTiming | None = None,
        on_interruption: Callable[[WatchInterruption], None] | None = None,
    ) -> ResultExport:
        """All rows of a batch by position, each with its latest call, as one stream.

        Args:
            states: Only rows in one of these; without any, all.
            from_position: The first row wanted, from 0.
            with_conversations: Each call with what was said in it.
            on_interruption: Told about each break of the stream, before the wait.
        """
        request = messages.ExportScheduledCallsRequest(
            batch_id=batch_id,
            states=states,
            from_position=from_position,
            with_conversations=with_conversations,
        )
        interruptions = Interruptions(timing or WatchTiming(), on_interruption)
        return ResultExport(
            self._sender, self._stub.ExportScheduledCalls, request, interruptions=interruptions
        )

    async def export_csv(
        self,
        batch_id: str,
        target: OutputFile,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        columns: Sequence[str] | None = None,
        on_progress: Callable[[ExportProgress], None] | None = None,
    ) -> int:
        """Writes the rows of a batch with what came of them into a CSV file, and counts them.

        UTF-8, moments in ISO 8601 and UTC. Behind the columns that every batch has come
        `context.NAME` and `metadata.NAME` for each name that occurs; to find them all,
        the rows pass through a temporary file. Cells that a spreadsheet would run as
        formulas get an apostrophe.

        Args:
            target: A path, which gets the file once it is whole, or a file that is open
                for writing bytes.
            columns: The columns wanted, in their order; then no temporary file is
                needed. ValueError names one that is none.
            on_progress: Told after each message of the stream.
        """
        writer = CsvResults(columns)
        export = self.export(batch_id, states=states)
        return await write_results(export, writer, target, on_progress)

    async def export_json_lines(
        self,
        batch_id: str,
        target: OutputFile,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        with_conversations: bool = False,
        on_progress: Callable[[ExportProgress], None] | None = None,
    ) -> int:
        """The same as `export_csv` with a JSON object a line.

        What is not there yet is null; `template_context` and `metadata` are objects. With
        `with_conversations` there is `conversation`, too, as the API has it in JSON.
        """
        export = self.export(batch_id, states=states, with_conversations=with_conversations)
        form = JsonLinesResults(with_conversations=with_conversations)
        return await write_results(export, form, target, on_progress)
