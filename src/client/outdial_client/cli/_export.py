"""`outdial batch export`."""

import sys
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from outdial.v1.batch_pb2 import Batch

from outdial_client._client import Client
from outdial_client._result_files import ExportProgress
from outdial_client.cli._batch_options import BatchId
from outdial_client.cli._choices import SCHEDULED_CALL_STATES, choice
from outdial_client.cli._exit_code import CommandFailure, ExitCode
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._transfer import SilentTransfer, TransferView, choose_transfer_view

commands = typer.Typer()

_STDOUT = "-"


class Format(StrEnum):
    """What a result file is."""

    CSV = "csv"
    JSONL = "jsonl"


_BY_ENDING = {".jsonl": Format.JSONL, ".ndjson": Format.JSONL, ".csv": Format.CSV}


@commands.command()
def export(
    context: typer.Context,
    batch_id: BatchId,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Else as the file's name says, else csv."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Else stdout.")
    ] = _STDOUT,
    state: Annotated[
        list[int] | None, choice(SCHEDULED_CALL_STATES, "STATE", "May be repeated.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Only these columns of a csv, in their order; may be repeated."),
    ] = None,
    conversations: Annotated[
        bool, typer.Option("--conversations", help="What was said in each call; of jsonl alone.")
    ] = False,
) -> None:
    """Write the people of a batch, with what came of each, into a file."""

    async def command(client: Client, screen: Screen) -> ExitCode:
        chosen = form or _BY_ENDING.get(Path(output).suffix.lower()) or _default_format(screen)
        if column and chosen is not Format.CSV:
            raise CommandFailure("--column goes with --format csv")
        if conversations and chosen is not Format.JSONL:
            raise CommandFailure("--conversations goes with --format jsonl")
        batch = await client.batches.get(batch_id)
        total = _expected_rows(batch, state)
        # A bar between the rows themselves would be in their way.
        is_shown = output != _STDOUT or not screen.results.is_terminal
        view: TransferView = SilentTransfer()
        if is_shown:
            view = choose_transfer_view(screen, _title(output), "finishing the file")

        def observe(progress: ExportProgress) -> None:
            # Rows may be added while it runs.
            part = min(1.0, progress.rows_written / total) if total else None
            view.update(progress.rows_written, part)

        with _told(screen, output), view.showing():
            rows = client.scheduled_calls
            target = _target(output)
            states = state or ()
            if chosen is Format.CSV:
                written = await rows.export_csv(
                    batch_id,
                    target,
                    states=states,  # type: ignore[arg-type]
                    columns=column,
                    on_progress=observe,
                )
            else:
                written = await rows.export_json_lines(
                    batch_id,
                    target,
                    states=states,  # type: ignore[arg-type]
                    with_conversations=conversations,
                    on_progress=observe,
                )
            view.finish(written)
        if output != _STDOUT:
            if screen.is_json:
                screen.json({"output": output, "format": chosen.value, "rows": written})
            screen.say(f"Rows written to {output}: {written}.")
        return ExitCode.OK

    run(context, command)


def _default_format(screen: Screen) -> Format:
    return Format.JSONL if screen.is_json else Format.CSV


def _title(output: str) -> str:
    return "export" if output == _STDOUT else Path(output).name


def _target(output: str) -> Path | BinaryIO:
    return sys.stdout.buffer if output == _STDOUT else Path(output)


def _expected_rows(batch: Batch, states: list[int] | None) -> int:
    if not states:
        return batch.counts.total
    names = (SCHEDULED_CALL_STATES.name(state).lower() for state in states)
    return sum(int(getattr(batch.counts, name)) for name in names)


@contextmanager
def _told(screen: Screen, output: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise CommandFailure(str(error)) from error
    except CancelledError:
        if output != _STDOUT:
            screen.note(f"{output} is not written.")
        raise
    except BrokenPipeError:
        # Whoever read it has had enough.
        raise
    except OSError as error:
        raise CommandFailure(f"{output} cannot be written: {error.strerror}") from error
