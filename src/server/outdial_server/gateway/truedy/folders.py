"""Folders of contacts."""

from typing import Final

from fastapi import FastAPI
from outdial.v1 import contact_pb2, contact_service_pb2
from starlette.responses import Response

from outdial_server.gateway.asking import Caller
from outdial_server.gateway.truedy.batch_reading import moment_of
from outdial_server.gateway.truedy.contact_shapes import (
    Deleted,
    Folder,
    FolderSort,
    NewFolder,
    Order,
)
from outdial_server.gateway.truedy.envelopes import One, Paged, one, paged
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.routing import Asks, Routes

PATH: Final = "/contacts/folders"

DEFAULT_NAME: Final = "Default"
"""Of the folder that contacts come into which name none."""

_ORDERS: Final = {
    "name": "display_name",
    "created_at": "create_time",
    "contact_count": "contact_count",
}
_PAGE_SIZE: Final = 1000


async def list_folders(
    asks: Asks, sort_by: FolderSort = "created_at", order: Order = "desc"
) -> Response:
    """All of them, on one page."""
    descending = " desc" if order == "desc" else ""
    request = contact_service_pb2.ListContactFoldersRequest(
        page_size=_PAGE_SIZE, order_by=f"{_ORDERS[sort_by]}{descending}"
    )
    folders = list[Folder]()
    while True:
        told = await asks.ask(request, contact_service_pb2.ListContactFoldersResponse)
        folders += map(_shown, told.contact_folders)
        if not told.next_page_token:
            return paged(folders, len(folders), 1, max(1, len(folders)))
        request.page_token = told.next_page_token


async def create_folder(asked: NewFolder, asks: Asks) -> Response:
    return one(_shown(await _create(asks, asked.name, asked.description or "")), 201)


async def delete_folder(folder_id: str, asks: Asks) -> Response:
    """With all contacts in it; batch calls keep their copies."""
    request = contact_service_pb2.DeleteContactFolderRequest(contact_folder_id=core_id(folder_id))
    await asks.ask(request, contact_service_pb2.DeleteContactFolderResponse)
    return one(Deleted(id=folder_id))


async def default_folder(asks: Caller) -> contact_pb2.ContactFolder:
    """Is made when it is asked for first. Two requests at once may make one each: the elder
    is taken from then on."""
    request = contact_service_pb2.ListContactFoldersRequest(page_size=1, display_name=DEFAULT_NAME)
    told = await asks.ask(request, contact_service_pb2.ListContactFoldersResponse)
    if told.contact_folders:
        return told.contact_folders[0]
    return await _create(asks, DEFAULT_NAME)


async def _create(asks: Caller, name: str, description: str = "") -> contact_pb2.ContactFolder:
    folder = contact_pb2.ContactFolder(display_name=name, description=description)
    request = contact_service_pb2.CreateContactFolderRequest(contact_folder=folder)
    made = await asks.ask(request, contact_service_pb2.CreateContactFolderResponse)
    return made.contact_folder


def _shown(folder: contact_pb2.ContactFolder) -> Folder:
    return Folder(
        id=folder.contact_folder_id,
        name=folder.display_name,
        description=folder.description or None,
        contact_count=folder.contact_count,
        created_at=moment_of(folder.create_time),
        updated_at=moment_of(folder.update_time),
    )


def add_folders(api: FastAPI) -> None:
    routes = Routes(api, "Contacts")
    routes.get(PATH, list_folders, Paged[Folder])
    routes.post(PATH, create_folder, One[Folder])
    routes.delete(f"{PATH}/{{folder_id}}", delete_folder, One[Deleted])
