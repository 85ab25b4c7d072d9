"""`outdial scheduled-call`."""

from typing import Annotated

import typer

from outdial_client._client import Client
from outdial_client.cli._batch_options import BatchId
from outdial_client.cli._call_facts import scheduled_call_facts
from outdial_client.cli._choices import SCHEDULED_CALL_STATES, choice
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import SCHEDULED_CALLS
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="The people of a batch, a row each.")

RowId = Annotated[str, typer.Argument(metavar="ROW", help="The scheduled call's id.")]


@commands.command("list")
def list_rows(
    context: typer.Context,
    batch_id: BatchId,
    state: Annotated[
        list[int] | None, choice(SCHEDULED_CALL_STATES, "STATE", "May be repeated.")
    ] = None,
    custom_id: Annotated[str, typer.Option(help="Only rows with exactly this one.")] = "",
    limit: Limit = 50,
) -> None:
    """List the people of a batch and what came of each."""

    async def command(client: Client, screen: Screen) -> None:
        rows = client.scheduled_calls.list(
            batch_id,
            states=state or (),  # type: ignore[arg-type]
            custom_id=custom_id,
            page_size=min(limit + 1, LARGEST_PAGE),
        )
        await show_list(screen, rows, SCHEDULED_CALLS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, row_id: RowId) -> None:
    """Show one person's row."""

    async def command(client: Client, screen: Screen) -> None:
        row = await client.scheduled_calls.get(row_id)
        screen.facts(row, scheduled_call_facts(row))

    run(context, command)


@commands.command()
def cancel(context: typer.Context, row_id: RowId) -> None:
    """Take a row that waits out of its batch."""

    async def command(client: Client, screen: Screen) -> None:
        row = await client.scheduled_calls.cancel(row_id)
        screen.done(row, f"{row.address} is not called.")

    run(context, command)


@commands.command()
def retry(context: typer.Context, row_id: RowId) -> None:
    """Call a person once more whose calls have ended."""

    async def command(client: Client, screen: Screen) -> None:
        row = await client.scheduled_calls.retry(row_id)
        screen.done(row, f"{row.address} is called once more.")

    run(context, command)
