"""Contact folders by name or id."""

from outdial.v1.contact_pb2 import ContactFolder

from outdial_client._client import Client
from outdial_client.cli._agent_names import is_id
from outdial_client.cli._exit_code import CommandFailure, ExitCode
from outdial_client.cli._screen import Screen


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
