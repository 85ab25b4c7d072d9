"""`outdial keys`."""

from datetime import datetime
from typing import Annotated

import typer

from outdial_client._client import Client
from outdial_client.cli._choices import API_KEY_SCOPES, choice
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import KEYS
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._typed import parse_moment

commands = typer.Typer(no_args_is_help=True, help="API keys.")

AccountOption = Annotated[
    str, typer.Option("--account", help="Its id; else the account of your key.")
]


@commands.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A label for people.")],
    *,
    scope: Annotated[list[int], choice(API_KEY_SCOPES, "SCOPE", "May be repeated.")],
    expires: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="ISO", help="When it stops working."),
    ] = None,
    account_id: AccountOption = "",
) -> None:
    """Make a key, and show its secret this once."""

    async def command(client: Client, screen: Screen) -> None:
        made = await client.accounts.create_api_key(
            name,
            scope,  # type: ignore[arg-type]
            expire_time=expires,
            account_id=account_id,
        )
        key = made.api_key
        screen.made(made, made.secret, f"Key {key.display_name}: {key.api_key_id}")
        screen.say(f"Its secret, shown only now: {made.secret}")

    run(context, command)


@commands.command("list")
def list_keys(context: typer.Context, account_id: AccountOption = "", limit: Limit = 50) -> None:
    """List keys, oldest first, revoked ones too."""

    async def command(client: Client, screen: Screen) -> None:
        keys = client.accounts.list_api_keys(account_id, page_size=min(limit + 1, LARGEST_PAGE))
        await show_list(screen, keys, KEYS, limit)

    run(context, command)


@commands.command()
def revoke(
    context: typer.Context, key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id.")]
) -> None:
    """Make a key useless from the next request on."""

    async def command(client: Client, screen: Screen) -> None:
        key = await client.accounts.revoke_api_key(key_id)
        screen.done(key, f"Key {key.display_name} is revoked.")

    run(context, command)
