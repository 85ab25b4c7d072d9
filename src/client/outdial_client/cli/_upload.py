"""Sends the people in a file as one import, and says what came of it."""

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from outdial.v1.batch_pb2 import Batch, DuplicatePolicy
from outdial.v1.import_pb2 import BadRowPolicy

from outdial_client._client import Client
from outdial_client._csv_columns import CsvColumns, CsvFileError
from outdial_client._errors import DeadlineExceededError, ImportRefusedError, UnavailableError
from outdial_client._imports import ImportProgress, ImportResult
from outdial_client._inputs import NewBatch
from outdial_client.cli._exit_code import CommandFailure, ExitCode, exit_code_of
from outdial_client.cli._findings import Findings, import_object, write_report
from outdial_client.cli._screen import Screen, to_json
from outdial_client.cli._transfer import TransferView, choose_transfer_view

_KEEP = DuplicatePolicy.DUPLICATE_POLICY_KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file on its way into one batch."""

    client: Client
    screen: Screen
    title: str
    source: Path
    columns: CsvColumns
    skip_bad_rows: bool
    report: Path | None
    request_id: str

    async def send(
        self, *, batch_id: str = "", new_batch: NewBatch | None = None, draft: bool = False
    ) -> Batch:
        """The batch with the people in it; CommandFailure when rows were refused."""
        policy = (
            BadRowPolicy.BAD_ROW_POLICY_SKIP
            if self.skip_bad_rows
            else BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL
        )
        sending = _Sending(choose_transfer_view(self.screen, self.title, "waiting for an answer"))
        request_id = self.request_id or str(uuid4())
        try:
            with self._told(sending, request_id), sending.view.showing():
                result = await self.client.batches.import_csv(
                    self.source,
                    batch_id=batch_id,
                    new_batch=new_batch,
                    draft=draft,
                    columns=self.columns,
                    bad_rows=policy,
                    request_id=request_id,
                    on_progress=sending.observe,
                )
                sending.view.finish(result.row_count)
        except ImportRefusedError as error:
            raise await self._refused(error) from error
        await self._show(result)
        return result.batch

    @contextmanager
    def _told(self, sending: "_Sending", request_id: str) -> Iterator[None]:
        again = (
            f"the same command with --request-id {request_id} makes sure, and adds nothing twice"
        )
        try:
            yield
        except CsvFileError as error:
            line = f", line {error.row}" if error.row else ""
            raise CommandFailure(f"{self.title}{line}: {error.reason}") from error
        except CancelledError:
            self.screen.note(
                f"It may have been added: {again}." if sending.is_sent else "Nothing was added."
            )
            raise
        except (UnavailableError, DeadlineExceededError) as error:
            if not sending.has_begun:
                raise
            hint = f"It has added all of its rows or none: {again}."
            raise CommandFailure(error.message, exit_code_of(error), hint=hint) from error

    async def _refused(self, error: ImportRefusedError) -> CommandFailure:
        told = await self.client.batches.get_import(error.import_id)
        findings = await Findings.read(self.client.batches, error)
        if self.screen.is_json:
            self.screen.json(import_object(told, findings))
        elif not self.screen.is_quiet:
            findings.show(self.screen, error.import_id)
        if self.report is not None:
            await write_report(self.client.batches, self.screen, error, self.source, self.report)
        return CommandFailure(
            f"{told.refused_count} of {told.row_count} rows cannot be called, so nothing was added",
            ExitCode.ROWS_REFUSED,
            hint="Mend them, or leave them out with --skip-bad-rows.",
        )

    async def _show(self, result: ImportResult) -> None:
        batches = self.client.batches
        findings = await Findings.read(batches, result)
        if self.screen.is_json:
            told = await batches.get_import(result.import_id)
            batch = {"batch": to_json(result.batch)}
            self.screen.json({**import_object(told, findings), **batch})
        elif not self.screen.is_quiet:
            findings.show(self.screen, result.import_id)
        left_out = result.row_count - result.added_count
        if self.report is not None and left_out:
            await write_report(batches, self.screen, result, self.source, self.report)
        self.screen.identify(result.batch.batch_id, _sentence(result))
        if result.duplicate_count and result.batch.duplicates == _KEEP:
            # Those that were left out are in the table above.
            look = self.screen.command("import", "findings", result.import_id)
            self.screen.say(f"Duplicates: {result.duplicate_count}, which are kept: {look}")


@dataclass(slots=True)
class _Sending:
    view: TransferView
    progress: ImportProgress | None = field(default=None)

    @property
    def has_begun(self) -> bool:
        return self.progress is not None

    @property
    def is_sent(self) -> bool:
        """Whether all of it may have reached the server."""
        return self.progress is not None and _part(self.progress) in {None, 1.0}

    def observe(self, progress: ImportProgress) -> None:
        self.progress = progress
        self.view.update(progress.rows_sent, _part(progress))


def _part(progress: ImportProgress) -> float | None:
    if not progress.bytes_total:
        return None
    return min(1.0, progress.bytes_read / progress.bytes_total)


def _sentence(result: ImportResult) -> str:
    duplicates = result.row_count - result.added_count - result.refused_count
    left_out_as = [("bad", result.refused_count), ("duplicates", duplicates)]
    told = ", ".join(f"{number} as {word}" for word, number in left_out_as if number)
    left_out = f"; left out: {told}" if told else ""
    return f"Batch {result.batch.batch_id}: {result.added_count} to call{left_out}."
