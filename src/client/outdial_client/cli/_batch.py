"""`outdial batch`: what is done with a batch as a whole."""

from pathlib import Path
from typing import Annotated

import typer
from outdial.v1.batch_pb2 import Batch

from outdial_client._client import Client
from outdial_client._inputs import NewBatch
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._batch_options import (
    AgentOption,
    BatchId,
    BatchSettings,
    NewBatchSettings,
)
from outdial_client.cli._choices import BATCH_STATES, choice
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._facts import batch_facts
from outdial_client.cli._follow import follow as follow_batch
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import BATCHES
from outdial_client.cli._option_groups import takes
from outdial_client.cli._screen import Screen, to_json
from outdial_client.cli._session import run
from outdial_client.cli._upload import People, Upload

commands = typer.Typer(no_args_is_help=True, help="Lists of people to call.")

_CLEARABLE = ("window_start", "window_end", "max_concurrent_calls", "caller_id", "metadata")


@commands.command()
@takes(NewBatchSettings)
def create(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, readable=True)
    ],
    *,
    agent: AgentOption,
    name: Annotated[str, typer.Option(help="Name of the batch; else the file's.")] = "",
    settings: NewBatchSettings,
    phone_column: Annotated[str, typer.Option(help="Column with the numbers.")] = "",
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Call the others, instead of nobody.")
    ] = False,
    draft: Annotated[bool, typer.Option("--draft", help="Wait for `batch start`.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch it to its end.")] = False,
) -> None:
    """Call the people in a CSV file.

    One column holds the phone number (phone, phone_number, mobile, number or address);
    custom_id, time_zone, caller_id and priority are read if they are there; every other
    column is a template value under its own name.
    """

    async def command(client: Client, screen: Screen) -> ExitCode:
        people = People.read(file, phone_column)
        found = await find_agent(client, screen, agent)
        batch = NewBatch(
            agent_id=found.agent_id, display_name=name or file.stem, **settings.given()
        )
        created = await Upload(client, screen, skip_bad_rows).send(batch, people, draft=draft)
        if follow:
            return await follow_batch(client, screen, created)
        hint = screen.command(*(("batch", "start") if draft else ("watch",)), created.batch_id)
        screen.say(f"{'Start it' if draft else 'Watch it'}: {hint}")
        return ExitCode.OK

    run(context, command)


@commands.command("list")
def list_batches(
    context: typer.Context,
    state: Annotated[list[int] | None, choice(BATCH_STATES, "STATE", "May be repeated.")] = None,
    agent: AgentOption = "",
    limit: Limit = 50,
) -> None:
    """List batches, newest first."""

    async def command(client: Client, screen: Screen) -> None:
        agent_id = (await find_agent(client, screen, agent)).agent_id if agent else ""
        batches = client.batches.list(
            states=state or (),  # type: ignore[arg-type]
            agent_id=agent_id,
            page_size=min(limit + 1, LARGEST_PAGE),
        )
        await show_list(screen, batches, BATCHES, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, batch_id: BatchId) -> None:
    """Show one batch."""

    async def command(client: Client, screen: Screen) -> None:
        batch = await client.batches.get(batch_id)
        screen.facts(batch, batch_facts(batch))

    run(context, command)


@commands.command()
@takes(BatchSettings)
def update(
    context: typer.Context,
    batch_id: BatchId,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    settings: BatchSettings,
    clear: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SETTING",
            autocompletion=lambda: list(_CLEARABLE),
            help=f"Unset it; one of {', '.join(_CLEARABLE)}. May be repeated.",
        ),
    ] = None,
) -> None:
    """Change a batch; labels take the place of all that it had."""
    changes = settings.given() | ({} if name is None else {"display_name": name})
    cleared = list(clear or ())
    unknown = next((setting for setting in cleared if setting not in _CLEARABLE), None)
    if unknown:
        raise typer.BadParameter(f"{unknown!r} cannot be unset; {', '.join(_CLEARABLE)} can")
    if not changes and not cleared:
        raise typer.BadParameter("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await client.batches.get(batch_id)
        wanted = NewBatch(agent_id="", **{"display_name": "", **changes}).to_message()
        wanted.batch_id, wanted.etag = found.batch_id, found.etag
        changed = await client.batches.update(wanted, [*changes, *cleared])
        screen.done(changed, f"Batch {batch_id} is changed.")

    run(context, command)


@commands.command()
def start(context: typer.Context, batch_id: BatchId) -> None:
    """Start a draft."""

    async def command(client: Client, screen: Screen) -> None:
        _confirm(screen, await client.batches.start(batch_id))

    run(context, command)


@commands.command()
def pause(context: typer.Context, batch_id: BatchId) -> None:
    """Hold a batch; calls already placed come to their own end."""

    async def command(client: Client, screen: Screen) -> None:
        response = await client.batches.pause(batch_id)
        _confirm(screen, response.batch, response.sends_in_flight)

    run(context, command)


@commands.command()
def resume(context: typer.Context, batch_id: BatchId) -> None:
    """Go on with a batch that was paused."""

    async def command(client: Client, screen: Screen) -> None:
        _confirm(screen, await client.batches.resume(batch_id))

    run(context, command)


@commands.command()
def cancel(context: typer.Context, batch_id: BatchId) -> None:
    """End a batch; calls already placed come to their own end."""

    async def command(client: Client, screen: Screen) -> None:
        response = await client.batches.cancel(batch_id)
        _confirm(screen, response.batch, response.sends_in_flight)

    run(context, command)


@commands.command()
def delete(context: typer.Context, batch_id: BatchId) -> None:
    """Delete a batch; what waits is not called."""

    async def command(client: Client, screen: Screen) -> None:
        response = await client.batches.delete(batch_id)
        screen.done(response, f"Batch {batch_id} is deleted.{_in_flight(response.sends_in_flight)}")

    run(context, command)


def _confirm(screen: Screen, batch: Batch, sends_in_flight: int | None = None) -> None:
    if screen.is_json:
        told = {} if sends_in_flight is None else {"sends_in_flight": sends_in_flight}
        screen.json({**to_json(batch), **told})
        return
    state = BATCH_STATES.name(batch.state)
    screen.say(f"Batch {batch.batch_id} is {state}.{_in_flight(sends_in_flight or 0)}")


def _in_flight(sends: int) -> str:
    return f" The carrier still owes {sends} answers to requests already sent." if sends else ""
