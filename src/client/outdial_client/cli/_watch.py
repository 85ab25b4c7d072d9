"""`outdial watch`."""

from typing import Annotated

import typer

from outdial_client._client import Client
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._batch_options import AgentOption
from outdial_client.cli._board import choose_board_view
from outdial_client.cli._completion import complete_batches
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._follow import follow
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer()

OptionalBatchId = Annotated[
    str,
    typer.Argument(
        metavar="[BATCH]",
        autocompletion=complete_batches,
        help="The batch's id; without it all that have not ended.",
    ),
]


@commands.command()
def watch(context: typer.Context, batch_id: OptionalBatchId = "", agent: AgentOption = "") -> None:
    """Follow a batch to its end, or all batches for as long as you like; Ctrl-C leaves them
    running."""
    if batch_id and agent:
        context.fail("--agent is for watching all batches, not one.")

    async def command(client: Client, screen: Screen) -> ExitCode | None:
        if batch_id:
            return await follow(client, screen, await client.batches.get(batch_id))
        await _follow_all(client, screen, agent)
        return None

    run(context, command)


async def _follow_all(client: Client, screen: Screen, agent: str) -> None:
    agent_id = (await find_agent(client, screen, agent)).agent_id if agent else ""
    view = choose_board_view(screen)
    watch = client.batches.watch_all(
        agent_id=agent_id, min_interval=view.min_interval, on_interruption=view.interrupted
    )
    with view.showing():
        async with watch:
            async for message in watch:
                view.update(message)
