"""Contact folders by name or id."""

from typing import Annotated

import typer
from outdial.v1.contact_pb2 import ContactFolder

from outdial_client._client import Client
from outdial_client.cli._agent_names import is_id
from outdial_client.cli._exit_code import CommandFailure, ExitCode
from outdial_client.cli._screen import Screen

Folders = Annotated[
    list[str] | None,
    typer.Option(
        "--folder", metavar="FOLDER", help="Its contacts, copied as they are; may be repeated."
    ),
]
FolderOption = Annotated[str, typer.Option(metavar="FOLDER", help="Name or id of the folder.")]
Contacts = Annotated[
    list[str] | None,
    typer.Option("--contact", metavar="ID", help="One contact; may be repeated."),
]


async def folder_ids(client: Client, screen: Screen, names: list[str] | None) -> list[str]:
    """Ids of folders that are said by name or id."""
    return [(await find_folder(client, screen, name)).contact_folder_id for name in names or ()]


async def find_folder(client: Client, screen: Screen, name_or_id: str) -> ContactFolder:
    """The folder; CommandFailure when none has that name, or several have it."""
    if is_id(name_or_id):
        return await client.contact_folders.get(name_or_id)
    named = [folder async for folder in client.contact_folders.list(display_name=name_or_id)]
    if not named:
        raise CommandFailure(
            f"no contact folder is called {name_or_id!r}",
            ExitCode.NOT_FOUND,
            hint=f"Make it with: {screen.command('folder', 'create', name_or_id)}",
        )
    if len(named) > 1:
        ids = ", ".join(folder.contact_folder_id for folder in named)
        raise CommandFailure(
            f"{len(named)} contact folders are called {name_or_id!r}",
            hint=f"Say which by its id: {ids}",
        )
    return named[0]
