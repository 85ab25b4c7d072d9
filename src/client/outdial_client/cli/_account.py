"""`outdial account`."""

from typing import Annotated

import typer
from outdial.v1.account_pb2 import Account

from outdial_client._client import Client
from outdial_client.cli._facts import account_facts
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import ACCOUNTS
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="Accounts, their limits and slots in use.")

AccountId = Annotated[
    str, typer.Argument(metavar="[ACCOUNT]", help="Its id; else the account of your key.")
]


@commands.command()
def show(context: typer.Context, account_id: AccountId = "") -> None:
    """Show an account, its limits and the slots in use."""

    async def command(client: Client, screen: Screen) -> None:
        account = await client.accounts.get(account_id)
        screen.facts(account, account_facts(account))

    run(context, command)


@commands.command("list")
def list_accounts(context: typer.Context, limit: Limit = 50) -> None:
    """List accounts, oldest first; without an operator's key your own alone."""

    async def command(client: Client, screen: Screen) -> None:
        accounts = client.accounts.list(page_size=min(limit + 1, LARGEST_PAGE))
        await show_list(screen, accounts, ACCOUNTS, limit)

    run(context, command)


@commands.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A label for people.")],
    max_concurrent: Annotated[int, typer.Option(min=0, help="Calls alive at once; 100.")] = 0,
    reserved: Annotated[int, typer.Option(min=0, help="Slots that batches never use.")] = 0,
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
) -> None:
    """Make an account; needs an operator's key."""

    async def command(client: Client, screen: Screen) -> None:
        account = await client.accounts.create(
            name,
            max_concurrent_calls=max_concurrent,
            reserved_slots=reserved,
            request_id=request_id,
        )
        sentence = f"Account {account.display_name}: {account.account_id}"
        screen.made(account, account.account_id, sentence)

    run(context, command)


@commands.command()
def update(
    context: typer.Context,
    account_id: AccountId = "",
    name: Annotated[str | None, typer.Option(help="A new label.")] = None,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Calls alive at once.")] = None,
    reserved: Annotated[
        int | None, typer.Option(min=0, help="Slots that batches never use.")
    ] = None,
) -> None:
    """Change an account; only an operator's key raises limits."""
    said = {
        "display_name": name,
        "max_concurrent_calls": max_concurrent,
        "reserved_slots": reserved,
    }
    changes = {field: value for field, value in said.items() if value is not None}
    if not changes:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await client.accounts.get(account_id)
        wanted = Account(account_id=found.account_id, etag=found.etag, **changes)  # type: ignore[arg-type]
        changed = await client.accounts.update(wanted, changes)
        screen.done(changed, f"Account {changed.display_name} is changed.")

    run(context, command)
