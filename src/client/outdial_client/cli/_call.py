"""`outdial call`."""

from typing import Annotated

import typer
from outdial.v1.call_service_pb2 import CallResolution
from outdial.v1.scheduled_call_pb2 import Disposition

from outdial_client._client import Client
from outdial_client.cli._choices import CALL_STATES, DISPOSITIONS, RESOLUTIONS, choice
from outdial_client.cli._completion import complete_batches
from outdial_client.cli._facts import call_facts
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import CALLS
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._words import call_sentence

commands = typer.Typer(no_args_is_help=True, help="Calls: the tries to reach people.")

CallId = Annotated[str, typer.Argument(metavar="CALL", help="The call's id.")]


@commands.command("list")
def list_calls(
    context: typer.Context,
    batch: Annotated[
        str, typer.Option(autocompletion=complete_batches, help="Only calls of this batch.")
    ] = "",
    scheduled_call: Annotated[str, typer.Option(help="Only calls to this person.")] = "",
    state: Annotated[list[int] | None, choice(CALL_STATES, "STATE", "May be repeated.")] = None,
    limit: Limit = 50,
) -> None:
    """List calls, newest first."""

    async def command(client: Client, screen: Screen) -> None:
        calls = client.calls.list(
            batch_id=batch,
            scheduled_call_id=scheduled_call,
            states=state or (),  # type: ignore[arg-type]
            page_size=min(limit + 1, LARGEST_PAGE),
        )
        await show_list(screen, calls, CALLS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, call_id: CallId) -> None:
    """Show one call."""

    async def command(client: Client, screen: Screen) -> None:
        call = await client.calls.get(call_id)
        screen.facts(call, call_facts(call))

    run(context, command)


@commands.command()
def end(context: typer.Context, call_id: CallId) -> None:
    """Ask the carrier to hang up."""

    async def command(client: Client, screen: Screen) -> None:
        call = await client.calls.end(call_id)
        screen.done(call, call_sentence(call))

    run(context, command)


@commands.command()
def resolve(
    context: typer.Context,
    call_id: CallId,
    resolution: Annotated[
        int,
        typer.Argument(
            parser=RESOLUTIONS.parse,
            metavar="|".join(RESOLUTIONS.words),
            autocompletion=RESOLUTIONS.complete,
            help="What became of it.",
        ),
    ],
    disposition: Annotated[
        int | None,
        choice(DISPOSITIONS, "HOW", "How it ended; for `placed`, and needed there."),
    ] = None,
) -> None:
    """Say what became of a call that nobody knows about."""

    async def command(client: Client, screen: Screen) -> None:
        call = await client.calls.resolve(
            call_id,
            CallResolution.ValueType(resolution),
            disposition=Disposition.ValueType(disposition or 0),
        )
        screen.done(call, call_sentence(call))

    run(context, command)
