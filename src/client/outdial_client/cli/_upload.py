"""Sends the people in a file as one import, and says what came of it."""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from google.protobuf.message import Message
from outdial.v1.import_pb2 import BadRowPolicy

from outdial_client._client import Client
from outdial_client._csv_columns import CsvFileError
from outdial_client._errors import DeadlineExceededError, ImportRefusedError, UnavailableError
from outdial_client._imports import ContactImportResult, ImportProgress, ImportResult
from outdial_client.cli._exit_code import CommandFailure, ExitCode, exit_code_of
from outdial_client.cli._findings import Findings, import_object, write_report
from outdial_client.cli._screen import Screen, to_json
from outdial_client.cli._transfer import TransferView, choose_transfer_view

_Result = TypeVar("_Result", ImportResult, ContactImportResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file on its way into one batch or folder."""

    client: Client
    screen: Screen
    title: str
    source: Path
    skip_bad_rows: bool
    report: Path | None
    request_id: str

    async def send(self, import_csv: Callable[..., Awaitable[_Result]]) -> _Result:
        """By a method of the SDK that has got all else; CommandFailure when rows were
        refused."""
        policy = (
            BadRowPolicy.BAD_ROW_POLICY_SKIP
            if self.skip_bad_rows
            else BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL
        )
        sending = _Sending(choose_transfer_view(self.screen, self.title, "waiting for an answer"))
        request_id = self.request_id or str(uuid4())
        try:
            with self._told(sending, request_id), sending.view.showing():
                result = await import_csv(
                    file=self.source,
                    bad_rows=policy,
                    request_id=request_id,
                    on_progress=sending.observe,
                )
                sending.view.finish(result.row_count)
        except ImportRefusedError as error:
            raise await self._refused(error) from error
        return result

    async def show(
        self,
        result: ImportResult | ContactImportResult,
        filled: Mapping[str, Message],
        filled_id: str,
        sentence: str,
    ) -> None:
        """What became of the rows; `filled` is what they went into, under its name."""
        batches = self.client.batches
        findings = await Findings.read(batches, result)
        if self.screen.is_json:
            told = await batches.get_import(result.import_id)
            into = {name: to_json(message) for name, message in filled.items()}
            self.screen.json({**import_object(told, findings), **into})
        elif not self.screen.is_quiet:
            findings.show(self.screen, result.import_id)
        if self.report is not None and result.refused_count + result.skipped_count:
            await write_report(batches, self.screen, result, self.source, self.report)
        self.screen.identify(filled_id, f"{sentence}{_left_out(result)}.")

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
            f"{told.refused_count} of {told.row_count} rows cannot be added, so none was",
            ExitCode.ROWS_REFUSED,
            hint="Mend them, or leave them out with --skip-bad-rows.",
        )


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


def _left_out(result: ImportResult | ContactImportResult) -> str:
    left_out_as = [("bad", result.refused_count), ("duplicates", result.skipped_count)]
    told = ", ".join(f"{number} as {word}" for word, number in left_out_as if number)
    return f"; left out: {told}" if told else ""
