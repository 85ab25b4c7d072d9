"""`outdial-server keys`: on the database itself, so it needs no key. A SQLite file that a
server has open is closed to it: ask that server instead, or stop it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from outdial_server.cli.database import opened
from outdial_server.cli.pages import all_items
from outdial_server.cli.run import refusals_told, run
from outdial_server.commands.keys import CreateKey
from outdial_server.domain.account import ApiKey, Scope
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.paging import PageRequest

if TYPE_CHECKING:
    from outdial_server.app.foundation import Foundation

_SCOPES_DEFAULT: Final = ("read", "write")

app = typer.Typer(no_args_is_help=True)

Account = Annotated[str, typer.Option(help="Account id; the oldest account by default.")]
ScopeName = Annotated[
    list[str] | None,
    typer.Option(
        "--scope", help="read, write, admin or operator; repeatable. By default read and write."
    ),
]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Label for people.")],
    account: Account = "",
    scope: ScopeName = None,
    expires: Annotated[
        datetime | None, typer.Option(help="When it stops working (UTC); never by default.")
    ] = None,
) -> None:
    """Make a key and print its secret, once."""
    scopes = frozenset(_scope(text) for text in scope or _SCOPES_DEFAULT)

    async def work() -> None:
        async with opened() as base:
            command = CreateKey(base.store.keys, base.ids, base.clock)
            account_id = await _account_id(base, account)
            expires_at = expires and expires.replace(tzinfo=UTC)
            key, secret = await command.execute(account_id, name, scopes, expires_at)
            typer.echo(f"{key.api_key_id}  {secret}")

    with refusals_told():
        run(work())


@app.command("list")
def show(account: Account = "") -> None:
    """List keys, revoked ones included."""

    async def work() -> None:
        async with opened() as base:
            account_id = await _account_id(base, account)
            async for key in all_items(lambda page: base.store.keys.list_keys(account_id, page)):
                typer.echo(_line(key, base.clock.now()))

    with refusals_told():
        run(work())


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Id of the key.")]) -> None:
    """Make a key useless. A server that runs elsewhere notices within seconds."""

    async def work() -> None:
        async with opened() as base:
            key = await base.store.keys.revoke_key(None, ApiKeyId(key_id))
            typer.echo(_line(key, base.clock.now()))

    with refusals_told():
        run(work())


def _scope(name: str) -> Scope:
    try:
        return Scope[name.upper()]
    except KeyError:
        names = ", ".join(scope.name.lower() for scope in Scope)
        raise typer.BadParameter(f"{name!r} is no scope; there are {names}") from None


async def _account_id(base: "Foundation", named: str) -> AccountId:
    if named:
        return AccountId(named)
    page = await base.store.accounts.list_accounts(PageRequest(size=1))
    if not page.items:
        raise typer.BadParameter("there is no account yet; see `outdial-server accounts create`")
    return page.items[0].account_id


def _line(key: ApiKey, now: datetime) -> str:
    scopes = ",".join(scope.name.lower() for scope in sorted(key.scopes))
    state = "works" if key.works_at(now) else "expired" if key.revoked_at is None else "revoked"
    return f"{key.api_key_id}  {key.prefix}…  {state:8}{scopes:28}{key.display_name}"
