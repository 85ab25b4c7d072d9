"""Imports: long lists on their way into a batch."""

from collections.abc import AsyncIterable, Callable, Iterable
from typing import cast

from grpc.aio import Channel
from outdial.v1 import batch_service_pb2 as messages
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.import_pb2 import BadRowPolicy, Import, ImportOptions
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from outdial_client._csv import CsvFile, CsvSource
from outdial_client._csv_columns import CsvColumns
from outdial_client._errors import ImportRefusedError
from outdial_client._import_rows import CALLS, CsvImportRows, GivenImportRows, ImportRows
from outdial_client._import_stream import ImportStream
from outdial_client._imports import (
    ContactImportResult,
    ImportFinding,
    ImportProgress,
    ImportResult,
    to_finding,
    to_result,
)
from outdial_client._inputs import (
    NewBatch,
    NewCall,
    to_batch,
)
from outdial_client._output_file import OutputFile
from outdial_client._pager import Page, Pager
from outdial_client._refused_rows import write_refused_rows
from outdial_client._requests import Sender

# As large as the server gives: a report asks for all.
_FINDINGS_PAGE = 1000


class BatchImports:
    """Adds long lists to batches, and tells what came of them."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._channel = channel
        self._stub = BatchServiceStub(channel)
        self._sender = sender
        self._send = sender.send

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
        rows = CsvImportRows(CsvSource(file), columns or CsvColumns(), CALLS)
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
        return await self._import(GivenImportRows(calls, CALLS), options, on_progress)

    async def get_import(self, import_id: str) -> Import:
        """An import that came to its end, by its id."""
        request = messages.GetImportRequest(import_id=import_id)
        response = await self._send(self._stub.GetImport, request)
        # The field's name is a word of Python's, so its type is not in the stubs.
        return cast(Import, getattr(response, "import"))

    def import_findings(
        self,
        imported: str | ImportResult | ContactImportResult | ImportRefusedError,
        *,
        page_size: int = 0,
    ) -> Pager[ImportFinding]:
        """What an import has to say about its rows, by row number.

        With the result or the error of `import_csv` the findings name columns of the
        file; with an import's id alone, fields of ScheduledCall or Contact.
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
        imported: str | ImportResult | ContactImportResult | ImportRefusedError,
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

    async def _import(
        self,
        rows: ImportRows,
        options: ImportOptions,
        on_progress: Callable[[ImportProgress], None] | None,
    ) -> ImportResult:
        stream = ImportStream(
            self._channel,
            self._sender,
            self._stub.ImportScheduledCalls,
            messages.ImportScheduledCallsRequest,
            options,
            rows,
            on_progress,
        )
        return to_result(await stream.send(), rows.columns)


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
