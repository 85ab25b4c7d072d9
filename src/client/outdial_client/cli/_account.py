"""`outdial account`."""

import typer

from outdial_client._client import Client
from outdial_client.cli._screen import Output, Screen, to_json
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="The account of your key.")


@commands.command()
def show(context: typer.Context) -> None:
    """Show the account, its limits and the slots in use."""

    async def command(client: Client, screen: Screen) -> None:
        account = await client.accounts.get()
        if screen.output is Output.JSON:
            screen.json(to_json(account))
            return
        lines = [
            ("id", account.account_id),
            ("name", account.display_name),
            ("calls at once", str(account.max_concurrent_calls)),
            ("reserved", str(account.reserved_slots)),
            ("alive", str(account.active_calls)),
        ]
        for name, text in lines:
            screen.line(f"{name:<14} {text}")

    run(context, command)
