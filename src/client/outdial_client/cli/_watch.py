"""`outdial watch`."""

import typer

from outdial_client._client import Client
from outdial_client.cli._batch_options import BatchId
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._follow import follow
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer()


@commands.command()
def watch(context: typer.Context, batch_id: BatchId) -> None:
    """Follow a batch to its end; Ctrl-C leaves it running."""

    async def command(client: Client, screen: Screen) -> ExitCode:
        return await follow(client, screen, await client.batches.get(batch_id))

    run(context, command)
