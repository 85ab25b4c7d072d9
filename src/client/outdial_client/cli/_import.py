"""`outdial batch import` and `outdial batch append`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from outdial.v1.batch_pb2 import Batch, BatchState, DuplicatePolicy

from outdial_client._client import Client
from outdial_client._csv_columns import CsvColumns
from outdial_client._imports import ImportResult
from outdial_client._inputs import NewBatch
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._batch_options import AgentOption, BatchId, NewBatchSettings
from outdial_client.cli._completion import complete_batches
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._follow import follow as follow_batch
from outdial_client.cli._option_groups import takes
from outdial_client.cli._schedule_warnings import tell_warning
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._source import open_source, title_of
from outdial_client.cli._upload import Upload
from outdial_client.cli._upload_options import FileName, UploadOptions

commands = typer.Typer()

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Watch it to its end.")]

_KEEP = DuplicatePolicy.DUPLICATE_POLICY_KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnOptions:
    """What the columns of a file hold."""

    phone_column: Annotated[str, typer.Option(help="Holds the numbers.")] = ""
    custom_id_column: Annotated[str, typer.Option(help="Holds your own keys.")] = ""
    zone_column: Annotated[str, typer.Option(help="Holds IANA time zones.")] = ""
    caller_id_column: Annotated[str, typer.Option(help="Holds the numbers to show.")] = ""
    priority_column: Annotated[str, typer.Option(help="Holds 0 to 9.")] = ""
    ring_timeout_column: Annotated[
        str, typer.Option(help="Holds how long each may ring, in seconds.")
    ] = ""
    max_call_duration_column: Annotated[
        str, typer.Option(help="Holds how long each call may last, in seconds.")
    ] = ""
    carrier_config_column: Annotated[
        str, typer.Option(help="Holds the carrier config of each, by name or id.")
    ] = ""
    medium_column: Annotated[str, typer.Option(help="Holds outgoing or webhook.")] = ""
    label_column: Annotated[
        list[str] | None,
        typer.Option(help="Becomes a label and no template value; may be repeated."),
    ] = None
    carrier_param_column: Annotated[
        list[str] | None,
        typer.Option(help="Becomes a parameter of the carrier's own; may be repeated."),
    ] = None

    def columns(self) -> CsvColumns:
        """In the words of the SDK."""
        return CsvColumns(
            phone=self.phone_column,
            custom_id=self.custom_id_column,
            time_zone=self.zone_column,
            caller_id=self.caller_id_column,
            priority=self.priority_column,
            ring_timeout=self.ring_timeout_column,
            max_call_duration=self.max_call_duration_column,
            carrier_config=self.carrier_config_column,
            medium=self.medium_column,
            metadata=tuple(self.label_column or ()),
            carrier_params=tuple(self.carrier_param_column or ()),
        )


@commands.command("import")
@takes(NewBatchSettings)
@takes(ColumnOptions)
@takes(UploadOptions)
def import_file(
    context: typer.Context,
    file: FileName,
    *,
    batch: Annotated[
        str,
        typer.Option(autocompletion=complete_batches, help="Add them to this one; else a new one."),
    ] = "",
    agent: AgentOption = "",
    name: Annotated[str, typer.Option(help="Name of the new batch; else the file's.")] = "",
    draft: Annotated[bool, typer.Option("--draft", help="Wait for `batch start`.")] = False,
    follow: Follow = False,
    reading: ColumnOptions,
    uploading: UploadOptions,
    settings: NewBatchSettings,
) -> None:
    """Call the people in a CSV file.

    One column holds the phone number (phone, phone_number, mobile, mobile_number, number or
    address); custom_id, time_zone, caller_id, priority, ring_timeout and max_call_duration are
    read if they are there; every other column is a template value under its own name.
    """
    if batch and (agent or name or draft or settings.given()):
        context.fail("--batch has its settings already: see `outdial batch update`")
    if not batch and not agent:
        context.fail("say who talks with --agent, or which batch with --batch")
    uploading.check(context, file)

    async def command(client: Client, screen: Screen) -> ExitCode:
        async with open_source(screen, file) as source:
            upload = uploading.upload(client, screen, file, source)
            send = partial(client.batches.import_csv, columns=reading.columns())
            if batch:
                filled = await _fill(upload, partial(send, batch_id=batch))
            else:
                found = await find_agent(client, screen, agent)
                new_batch = NewBatch(
                    agent_id=found.agent_id,
                    display_name=name or Path(title_of(file)).stem,
                    **settings.given(),
                )
                filled = await _fill(upload, partial(send, new_batch=new_batch, draft=draft))
        return await _after(client, screen, filled, follow)

    run(context, command)


@commands.command()
@takes(ColumnOptions)
@takes(UploadOptions)
def append(
    context: typer.Context,
    batch_id: BatchId,
    file: FileName,
    *,
    follow: Follow = False,
    reading: ColumnOptions,
    uploading: UploadOptions,
) -> None:
    """Add the people in a CSV file to a batch that has not ended."""
    uploading.check(context, file)

    async def command(client: Client, screen: Screen) -> ExitCode:
        async with open_source(screen, file) as source:
            send = partial(client.batches.import_csv, batch_id=batch_id, columns=reading.columns())
            filled = await _fill(uploading.upload(client, screen, file, source), send)
        return await _after(client, screen, filled, follow)

    run(context, command)


async def _fill(upload: Upload, send: Callable[..., Awaitable[ImportResult]]) -> Batch:
    """The batch with the people in it."""
    result = await upload.send(send)
    batch = result.batch
    sentence = f"Batch {batch.batch_id}: {result.added_count} to call"
    await upload.show(result, {"batch": batch}, batch.batch_id, sentence)
    tell_warning(upload.screen, batch)
    if result.duplicate_count and batch.duplicates == _KEEP:
        # Those that were left out are in the table above.
        look = upload.screen.command("import", "findings", result.import_id)
        upload.screen.say(f"Duplicates: {result.duplicate_count}, which are kept: {look}")
    return batch


async def _after(client: Client, screen: Screen, batch: Batch, follow: bool) -> ExitCode:
    if follow:
        return await follow_batch(client, screen, batch)
    if batch.state == BatchState.BATCH_STATE_DRAFT:
        screen.say(f"Start it: {screen.command('batch', 'start', batch.batch_id)}")
    else:
        screen.say(f"Watch it: {screen.command('watch', batch.batch_id)}")
    return ExitCode.OK
