"""`outdial calls`."""

from enum import StrEnum
from typing import Annotated

import typer
from outdial.v1.call_service_pb2 import CallResolution
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCallState

from outdial_client._client import Client
from outdial_client.cli._batch import BatchId
from outdial_client.cli._screen import Output, Screen, to_json
from outdial_client.cli._session import run
from outdial_client.cli._words import (
    SCHEDULED_CALL_HEADINGS,
    call_sentence,
    disposition,
    scheduled_call_cells,
    scheduled_call_state,
)

commands = typer.Typer(no_args_is_help=True, help="The people of a batch and the calls to them.")

CallId = Annotated[str, typer.Argument(metavar="CALL", help="The call's id.")]


class Resolution(StrEnum):
    """What a person found out about an unknown call."""

    PLACED = "placed"
    NOT_PLACED = "not-placed"
    DIAL_AGAIN = "dial-again"


@commands.command("list")
def list_calls(
    context: typer.Context,
    batch_id: BatchId,
    state: Annotated[
        list[str] | None, typer.Option(help="Only rows in this state; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
) -> None:
    """List the people of a batch and what came of each."""
    states = [_parse_state(name) for name in state or ()]

    async def command(client: Client, screen: Screen) -> None:
        rows = []
        async for row in client.scheduled_calls.list(
            batch_id, states=states, page_size=min(limit, 1000)
        ):
            rows.append(row)
            if len(rows) == limit:
                break
        if screen.output is Output.JSON:
            for row in rows:
                screen.json(to_json(row))
        else:
            screen.table(SCHEDULED_CALL_HEADINGS, [scheduled_call_cells(row) for row in rows])

    run(context, command)


@commands.command()
def end(context: typer.Context, call_id: CallId) -> None:
    """Ask the carrier to hang up."""

    async def command(client: Client, screen: Screen) -> None:
        call = await client.calls.end(call_id)
        if screen.output is Output.JSON:
            screen.json(to_json(call))
        else:
            screen.line(call_sentence(call))

    run(context, command)


@commands.command()
def resolve(
    context: typer.Context,
    call_id: CallId,
    resolution: Annotated[Resolution, typer.Argument(help="What became of it.")],
    how: Annotated[
        str, typer.Option("--disposition", help="How it ended; for `placed`, and needed there.")
    ] = "",
) -> None:
    """Say what became of a call that nobody knows about."""
    ending = _parse_disposition(how)
    found = CallResolution.Value(f"CALL_RESOLUTION_{resolution.name}")

    async def command(client: Client, screen: Screen) -> None:
        call = await client.calls.resolve(call_id, found, disposition=ending)
        if screen.output is Output.JSON:
            screen.json(to_json(call))
        else:
            screen.line(call_sentence(call))

    run(context, command)


def _parse_state(name: str) -> ScheduledCallState.ValueType:
    states = {scheduled_call_state(state): state for state in ScheduledCallState.values() if state}
    spoken = name.lower().replace("_", " ").replace("-", " ")
    if spoken not in states:
        known = ", ".join(name.replace(" ", "-") for name in states)
        raise typer.BadParameter(f"{name!r} is none of {known}")
    return states[spoken]


def _parse_disposition(name: str) -> Disposition.ValueType:
    if not name:
        return Disposition.DISPOSITION_UNSPECIFIED
    endings = {disposition(value): value for value in Disposition.values() if value}
    spoken = name.lower().replace("_", " ").replace("-", " ")
    if spoken not in endings:
        known = ", ".join(name.replace(" ", "-") for name in endings)
        raise typer.BadParameter(f"{name!r} is none of {known}")
    return endings[spoken]
