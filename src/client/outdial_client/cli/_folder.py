"""`outdial folder`."""

from typing import Annotated, Any

import typer
from outdial.v1.contact_pb2 import ContactFolder

from outdial_client._client import Client
from outdial_client.cli._contact_views import FOLDERS, folder_facts
from outdial_client.cli._folder_names import find_folder
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="Folders of contacts.")

FolderName = Annotated[str, typer.Argument(metavar="FOLDER", help="Name or id.")]


@commands.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="How it is called.")],
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
) -> None:
    """Make an empty folder."""

    async def command(client: Client, screen: Screen) -> None:
        made = await client.contact_folders.create(
            name, description=description, request_id=request_id
        )
        folder_id = made.contact_folder_id
        screen.made(made, folder_id, f"Folder {made.display_name}: {folder_id}")

    run(context, command)


@commands.command("list")
def list_folders(
    context: typer.Context,
    order_by: Annotated[
        str,
        typer.Option(help="create_time, display_name or contact_count; 'display_name desc'."),
    ] = "",
    limit: Limit = 50,
) -> None:
    """List folders, oldest first."""

    async def command(client: Client, screen: Screen) -> None:
        folders = client.contact_folders.list(
            order_by=order_by, page_size=min(limit + 1, LARGEST_PAGE)
        )
        await show_list(screen, folders, FOLDERS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, folder: FolderName) -> None:
    """Show one folder."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_folder(client, screen, folder)
        screen.facts(found, folder_facts(found))

    run(context, command)


@commands.command()
def update(
    context: typer.Context,
    folder: FolderName,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
) -> None:
    """Rename or describe a folder."""
    said = {"display_name": name, "description": description}
    changes: dict[str, Any] = {name: text for name, text in said.items() if text is not None}
    if not changes:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await find_folder(client, screen, folder)
        wanted = ContactFolder(
            contact_folder_id=found.contact_folder_id, etag=found.etag, **changes
        )
        changed = await client.contact_folders.update(wanted, changes)
        screen.done(changed, f"Folder {changed.display_name} is changed.")

    run(context, command)


@commands.command()
def delete(context: typer.Context, folder: FolderName) -> None:
    """Delete a folder with all contacts in it, for good."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_folder(client, screen, folder)
        await client.contact_folders.delete(found.contact_folder_id)
        count = found.contact_count
        screen.done(found, f"Folder {found.display_name} is deleted, with {count} contacts.")

    run(context, command)
