"""`outdial server`."""

import typer

from outdial_client._client import Client
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="The server itself.")


@commands.command()
def info(context: typer.Context) -> None:
    """Show the server's version, carriers and limits."""

    async def command(client: Client, screen: Screen) -> None:
        server = await client.server_info()
        facts = [
            ("version", server.version),
            ("database", server.database),
            ("carriers", ", ".join(server.carriers) or "none"),
            ("features", ", ".join(server.features) or "none"),
            ("rows a request", str(server.limits.max_scheduled_calls_per_request)),
            ("rows a page", str(server.limits.max_page_size)),
        ]
        screen.facts(server, facts)

    run(context, command)
