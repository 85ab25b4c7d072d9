"""`outdial external-call`."""

from datetime import timedelta
from typing import Annotated

import typer

from outdial_client._client import Client
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._completion import complete_agents
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import EXTERNAL_CALLS
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._words import moment

commands = typer.Typer(no_args_is_help=True, help="Calls of other systems on the same account.")

ExternalId = Annotated[str, typer.Argument(metavar="ID", help="The other system's own id.")]


@commands.command()
def report(
    context: typer.Context,
    external_id: ExternalId,
    agent: Annotated[
        str, typer.Option(autocompletion=complete_agents, help="Whose slot it takes: name or id.")
    ] = "",
    carrier_config: Annotated[str, typer.Option(help="Whose slot it takes: name or id.")] = "",
    ttl: Annotated[
        int | None,
        typer.Option(
            min=1, max=86_400, metavar="SECONDS", help="How long it counts unless said again; 600."
        ),
    ] = None,
) -> None:
    """Say that a call is in progress; said again, it is prolonged."""

    async def command(client: Client, screen: Screen) -> None:
        agent_id = (await find_agent(client, screen, agent)).agent_id if agent else ""
        call = await client.external_calls.report(
            external_id,
            agent_id=agent_id,
            carrier_config=carrier_config,
            ttl=None if ttl is None else timedelta(seconds=ttl),
        )
        screen.done(call, f"External call {external_id} counts until {moment(call.expire_time)}.")

    run(context, command)


@commands.command()
def end(context: typer.Context, external_id: ExternalId) -> None:
    """Say that a call is over."""

    async def command(client: Client, screen: Screen) -> None:
        was_there = await client.external_calls.end(external_id)
        if was_there:
            screen.say(f"External call {external_id} is over.")
        else:
            screen.note(f"External call {external_id} was not in progress any more.")

    run(context, command)


@commands.command("list")
def list_external_calls(context: typer.Context, limit: Limit = 50) -> None:
    """List calls in progress, oldest first."""

    async def command(client: Client, screen: Screen) -> None:
        calls = client.external_calls.list(page_size=min(limit + 1, LARGEST_PAGE))
        await show_list(screen, calls, EXTERNAL_CALLS, limit)

    run(context, command)
