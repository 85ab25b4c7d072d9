"""`outdial-server accounts`: on the database itself, as an operator."""

from typing import Annotated

import typer

from outdial_server.cli.database import opened
from outdial_server.cli.pages import all_items
from outdial_server.cli.run import refusals_told, run
from outdial_server.commands.accounts import CreateAccount, UpdateAccount
from outdial_server.domain.account import Account, AccountChange
from outdial_server.domain.ids import AccountId

app = typer.Typer(no_args_is_help=True)

Cap = Annotated[int | None, typer.Option("--max-concurrent-calls", help="Calls at once.")]
Reserve = Annotated[
    int | None, typer.Option("--reserved-slots", help="Of them, slots that batches never use.")
]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Label for people.")],
    cap: Cap = None,
    reserve: Reserve = None,
) -> None:
    """Make an account."""

    async def work() -> None:
        async with opened() as base:
            command = CreateAccount(base.store.accounts, base.ids)
            typer.echo(_line(await command.execute(AccountChange(name, cap, reserve))))

    with refusals_told():
        run(work())


@app.command("list")
def show() -> None:
    """List accounts, oldest first."""

    async def work() -> None:
        async with opened() as base:
            async for account in all_items(base.store.accounts.list_accounts):
                typer.echo(_line(account))

    with refusals_told():
        run(work())


@app.command("update")
def update(
    account_id: Annotated[str, typer.Argument(help="Id of the account.")],
    name: Annotated[str | None, typer.Option(help="Label for people.")] = None,
    cap: Cap = None,
    reserve: Reserve = None,
) -> None:
    """Change an account's name or limits."""

    async def work() -> None:
        async with opened() as base:
            command = UpdateAccount(base.store.accounts, base.signals)
            account = await command.execute(
                AccountId(account_id), AccountChange(name, cap, reserve), by_operator=True
            )
            typer.echo(_line(account))

    with refusals_told():
        run(work())


def _line(account: Account) -> str:
    calls = f"{account.active_calls}/{account.max_concurrent_calls} calls"
    reserved = f"{account.reserved_slots} reserved"
    return f"{account.account_id}  {calls:18}{reserved:14}{account.display_name}"
