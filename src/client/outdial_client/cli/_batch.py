"""`outdial batch`."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from outdial.v1.batch_pb2 import Batch, BatchState, DuplicatePolicy

from outdial_client._client import Client
from outdial_client._inputs import NewBatch
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._follow import follow
from outdial_client.cli._screen import Output, Screen, to_json
from outdial_client.cli._session import run
from outdial_client.cli._upload import People, Upload
from outdial_client.cli._words import BATCH_HEADINGS, batch_cells, batch_lines, batch_state

commands = typer.Typer(no_args_is_help=True, help="Lists of people to call.")

BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="The batch's id.")]


class Duplicates(StrEnum):
    """What to do with a number that is in the list twice."""

    KEEP = "keep"
    SKIP = "skip"
    REJECT = "reject"


def parse_moment(text: str) -> datetime:
    """An ISO moment; without an offset it is local time."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        message = f"{text!r} is no ISO moment such as 2027-03-01T09:00 or 2027-03-01T09:00+01:00"
        raise typer.BadParameter(message) from None


@commands.command()
def create(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, readable=True)
    ],
    *,
    agent: Annotated[str, typer.Option(help="The agent that talks, by name or id.")],
    name: Annotated[str, typer.Option(help="Name of the batch; else the file's.")] = "",
    window_start: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="ISO", help="Earliest moment to dial."),
    ] = None,
    window_end: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="ISO", help="No call is started from here on."),
    ] = None,
    max_concurrent: Annotated[int, typer.Option(min=0, help="Calls alive at once.")] = 0,
    priority: Annotated[int, typer.Option(min=0, max=9, help="Higher goes first.")] = 0,
    duplicates: Annotated[
        Duplicates, typer.Option(help="Numbers that are in the list twice.")
    ] = Duplicates.KEEP,
    caller_id: Annotated[str, typer.Option(help="Number to show, +15551230000.")] = "",
    ring_timeout: Annotated[
        int | None, typer.Option(min=5, max=600, metavar="SECONDS", help="How long it may ring.")
    ] = None,
    phone_column: Annotated[str, typer.Option(help="Column with the numbers.")] = "",
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Call the others, instead of nobody.")
    ] = False,
    draft: Annotated[bool, typer.Option("--draft", help="Wait for `batch start`.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
) -> None:
    """Call the people in a CSV file.

    One column holds the phone number (phone, phone_number, mobile, number or address);
    custom_id, time_zone, caller_id and priority are read if they are there; every other
    column is a template value under its own name.
    """

    async def command(client: Client, screen: Screen) -> ExitCode:
        people = People.read(file, phone_column)
        found = await find_agent(client, agent)
        batch = NewBatch(
            agent_id=found.agent_id,
            display_name=name or file.stem,
            window_start=window_start,
            window_end=window_end,
            max_concurrent_calls=max_concurrent,
            priority=priority,
            duplicates=DuplicatePolicy.Value(f"DUPLICATE_POLICY_{duplicates.name}"),
            caller_id=caller_id,
            ring_timeout=None if ring_timeout is None else timedelta(seconds=ring_timeout),
        )
        created = await Upload(client, screen, skip_bad_rows).send(batch, people, draft=draft)
        if watch:
            return await follow(client, screen, created)
        verb = "Start it: outdial batch start" if draft else "Watch it: outdial watch"
        screen.line(f"{verb} {created.batch_id}")
        return ExitCode.OK

    run(context, command)


@commands.command("list")
def list_batches(
    context: typer.Context,
    state: Annotated[
        list[str] | None, typer.Option(help="Only batches in this state; may be repeated.")
    ] = None,
    agent: Annotated[str, typer.Option(help="Only batches of this agent.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> None:
    """List batches, newest first."""
    states = [parse_batch_state(name) for name in state or ()]

    async def command(client: Client, screen: Screen) -> None:
        agent_id = (await find_agent(client, agent)).agent_id if agent else ""
        batches: list[Batch] = []
        async for batch in client.batches.list(states=states, agent_id=agent_id):
            batches.append(batch)
            if len(batches) == limit:
                break
        if screen.output is Output.JSON:
            for batch in batches:
                screen.json(to_json(batch))
        else:
            screen.table(BATCH_HEADINGS, [batch_cells(batch) for batch in batches])

    run(context, command)


@commands.command()
def show(context: typer.Context, batch_id: BatchId) -> None:
    """Show one batch."""

    async def command(client: Client, screen: Screen) -> None:
        _show(screen, await client.batches.get(batch_id))

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
        if screen.output is Output.JSON:
            screen.json(to_json(response))
        else:
            screen.line(f"Batch {batch_id} is deleted.{_in_flight(response.sends_in_flight)}")

    run(context, command)


def parse_batch_state(name: str) -> BatchState.ValueType:
    """`running`, `RUNNING` or the full name."""
    known = [batch_state(state) for state in BatchState.values() if state]
    short = name.upper().removeprefix("BATCH_STATE_")
    if short not in known:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(known).lower()}")
    return BatchState.Value(f"BATCH_STATE_{short}")


def _show(screen: Screen, batch: Batch) -> None:
    if screen.output is Output.JSON:
        screen.json(to_json(batch))
        return
    for name, text in batch_lines(batch):
        screen.line(f"{name:<14} {text}")


def _confirm(screen: Screen, batch: Batch, sends_in_flight: int = 0) -> None:
    if screen.output is Output.JSON:
        screen.json(to_json(batch))
        return
    state = batch_state(batch.state)
    screen.line(f"Batch {batch.batch_id} is {state}.{_in_flight(sends_in_flight)}")


def _in_flight(sends: int) -> str:
    return f" The carrier still owes {sends} answers to requests already sent." if sends else ""
