"""`outdial batch import` and `outdial batch append`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from outdial.v1.batch_pb2 import Batch, BatchState

from outdial_client._client import Client
from outdial_client._csv_columns import CsvColumns
from outdial_client._inputs import NewBatch
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._batch_options import AgentOption, BatchId, NewBatchSettings
from outdial_client.cli._completion import complete_batches
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._follow import follow as follow_batch
from outdial_client.cli._option_groups import takes
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._source import STDIN, open_source, title_of
from outdial_client.cli._upload import Upload

commands = typer.Typer()

FileName = Annotated[str, typer.Argument(metavar="FILE", help="A CSV file; `-` for stdin.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Watch it to its end.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How a file is read, and what becomes of rows with faults."""

    phone_column: Annotated[str, typer.Option(help="Holds the numbers.")] = ""
    custom_id_column: Annotated[str, typer.Option(help="Holds your own keys.")] = ""
    zone_column: Annotated[str, typer.Option(help="Holds IANA time zones.")] = ""
    caller_id_column: Annotated[str, typer.Option(help="Holds the numbers to show.")] = ""
    priority_column: Annotated[str, typer.Option(help="Holds 0 to 9.")] = ""
    label_column: Annotated[
        list[str] | None,
        typer.Option(help="Becomes a label and no template value; may be repeated."),
    ] = None
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Call the others, instead of nobody.")
    ] = False
    refused: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the rows that are not added there, with why."),
    ] = None
    request_id: Annotated[
        str, typer.Option(help="The same id, file and options add it only once.")
    ] = ""

    def upload(self, client: Client, screen: Screen, name: str, source: Path) -> Upload:
        """One file on its way."""
        return Upload(
            client=client,
            screen=screen,
            title=title_of(name),
            source=source,
            columns=CsvColumns(
                phone=self.phone_column,
                custom_id=self.custom_id_column,
                time_zone=self.zone_column,
                caller_id=self.caller_id_column,
                priority=self.priority_column,
                metadata=tuple(self.label_column or ()),
            ),
            skip_bad_rows=self.skip_bad_rows,
            report=self.refused,
            request_id=self.request_id,
        )

    def check(self, context: typer.Context, name: str) -> None:
        """A report must not take the place of the list itself."""
        if self.refused and name != STDIN and self.refused.resolve() == Path(name).resolve():
            context.fail("--refused names the file that is imported")


@commands.command("import")
@takes(NewBatchSettings)
@takes(FileOptions)
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
    reading: FileOptions,
    settings: NewBatchSettings,
) -> None:
    """Call the people in a CSV file.

    One column holds the phone number (phone, phone_number, mobile, number or address);
    custom_id, time_zone, caller_id and priority are read if they are there; every other
    column is a template value under its own name.
    """
    if batch and (agent or name or draft or settings.given()):
        context.fail("--batch has its settings already: see `outdial batch update`")
    if not batch and not agent:
        context.fail("say who talks with --agent, or which batch with --batch")
    reading.check(context, file)

    async def command(client: Client, screen: Screen) -> ExitCode:
        async with open_source(screen, file) as source:
            upload = reading.upload(client, screen, file, source)
            if batch:
                filled = await upload.send(batch_id=batch)
            else:
                found = await find_agent(client, screen, agent)
                new_batch = NewBatch(
                    agent_id=found.agent_id,
                    display_name=name or Path(title_of(file)).stem,
                    **settings.given(),
                )
                filled = await upload.send(new_batch=new_batch, draft=draft)
        return await _after(client, screen, filled, follow)

    run(context, command)


@commands.command()
@takes(FileOptions)
def append(
    context: typer.Context,
    batch_id: BatchId,
    file: FileName,
    *,
    follow: Follow = False,
    reading: FileOptions,
) -> None:
    """Add the people in a CSV file to a batch that has not ended."""
    reading.check(context, file)

    async def command(client: Client, screen: Screen) -> ExitCode:
        async with open_source(screen, file) as source:
            filled = await reading.upload(client, screen, file, source).send(batch_id=batch_id)
        return await _after(client, screen, filled, follow)

    run(context, command)


async def _after(client: Client, screen: Screen, batch: Batch, follow: bool) -> ExitCode:
    if follow:
        return await follow_batch(client, screen, batch)
    if batch.state == BatchState.BATCH_STATE_DRAFT:
        screen.say(f"Start it: {screen.command('batch', 'start', batch.batch_id)}")
    else:
        screen.say(f"Watch it: {screen.command('watch', batch.batch_id)}")
    return ExitCode.OK
