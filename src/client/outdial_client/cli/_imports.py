"""`outdial import`: imports that have ended."""

from pathlib import Path
from typing import Annotated

import typer

from outdial_client._client import Client
from outdial_client.cli._findings import (
    FINDING_HEADINGS,
    finding_cells,
    finding_object,
    import_facts,
    write_report,
)
from outdial_client.cli._listing import LARGEST_PAGE, Limit
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="Imports that have ended, and their findings.")

ImportId = Annotated[str, typer.Argument(metavar="IMPORT", help="The import's id.")]


@commands.command()
def show(context: typer.Context, import_id: ImportId) -> None:
    """Show how many rows were added, refused or there already."""

    async def command(client: Client, screen: Screen) -> None:
        told = await client.batches.get_import(import_id)
        screen.facts(told, import_facts(told))

    run(context, command)


@commands.command()
def findings(context: typer.Context, import_id: ImportId, limit: Limit = 50) -> None:
    """List what it has to say about rows, duplicates that were added too."""

    async def command(client: Client, screen: Screen) -> None:
        pager = client.batches.import_findings(import_id, page_size=min(limit, LARGEST_PAGE))
        found = []
        async for finding in pager:
            found.append(finding)
            if len(found) == limit:
                break
        if screen.is_json:
            for finding in found:
                screen.json(finding_object(finding))
        elif found:
            screen.table(FINDING_HEADINGS, [finding_cells(finding) for finding in found])
        else:
            screen.note("There is none.")

    run(context, command)


@commands.command()
def report(
    context: typer.Context,
    import_id: ImportId,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, help="The file that was imported.")
    ],
    target: Annotated[Path, typer.Argument(metavar="REPORT", help="The file to write.")],
) -> None:
    """Write the rows that were not added into a file, each with why."""

    async def command(client: Client, screen: Screen) -> None:
        await write_report(client.batches, screen, import_id, file, target)

    run(context, command)
