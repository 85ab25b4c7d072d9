"""`outdial suppression`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from outdial.v1.suppression_pb2 import Suppression

from outdial_client._client import Client
from outdial_client.cli._facts import suppression_facts
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import SUPPRESSIONS
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._typed import parse_moment

commands = typer.Typer(no_args_is_help=True, help="Addresses that may not be dialled.")

SuppressionId = Annotated[str, typer.Argument(metavar="ENTRY", help="The entry's id.")]


@commands.command()
def add(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="ADDRESS...", help="Whom not to dial.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="More of them, one on each line."
        ),
    ] = None,
    source: Annotated[str, typer.Option(help="Where the entries come from.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    until: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="ISO", help="They may be dialled from here on."),
    ] = None,
) -> None:
    """Put addresses on the do-not-call list."""
    wanted = [*(addresses or ()), *_lines(file)]
    if not wanted:
        context.fail("say an address, or give a file of them")

    async def command(client: Client, screen: Screen) -> None:
        made = await client.suppressions.create(
            wanted, source=source, reason=reason, expire_time=until
        )
        screen.list(made, SUPPRESSIONS)
        longer = sum(_stays_longer(entry, until) for entry in made)
        if longer:
            screen.note(f"Longer, as was said before: {longer}.")

    run(context, command)


def _stays_longer(entry: Suppression, until: datetime | None) -> bool:
    if until is None:
        return False
    return not entry.HasField("expire_time") or entry.expire_time.ToDatetime(UTC) > until


def _lines(file: Path | None) -> list[str]:
    if file is None:
        return []
    return [line.strip() for line in file.read_text("utf-8-sig").splitlines() if line.strip()]


@commands.command("list")
def list_suppressions(
    context: typer.Context,
    address: Annotated[str, typer.Option(help="Only this one.")] = "",
    source: Annotated[str, typer.Option(help="Only those of this source.")] = "",
    limit: Limit = 50,
) -> None:
    """List entries, oldest first, those that are over included."""

    async def command(client: Client, screen: Screen) -> None:
        entries = client.suppressions.list(
            address=address, source=source, page_size=min(limit + 1, LARGEST_PAGE)
        )
        await show_list(screen, entries, SUPPRESSIONS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, entry: SuppressionId) -> None:
    """Show one entry."""

    async def command(client: Client, screen: Screen) -> None:
        found = await client.suppressions.get(entry)
        screen.facts(found, suppression_facts(found))

    run(context, command)


@commands.command()
def delete(context: typer.Context, entry: SuppressionId) -> None:
    """Take an address off the list; calls that were skipped stay so."""

    async def command(client: Client, screen: Screen) -> None:
        found = await client.suppressions.get(entry)
        await client.suppressions.delete(entry)
        screen.done(found, f"{found.address} may be dialled again.")

    run(context, command)
