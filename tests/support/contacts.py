"""Contacts in stores for tests, in few words."""

from typing import Any

from outdial_server.domain.contact import Contact, ContactFields
from outdial_server.domain.contact_folder import ContactFolder, ContactFolderFields
from outdial_server.domain.ids import ContactFolderId, ContactId
from support.stores import World, number


async def folder(world: World, name: str = "Patients") -> ContactFolder:
    return await world.store.contact_folders.create_folder(
        world.account_id, ContactFolderId(world.ids.new_id()), ContactFolderFields(name)
    )


def person(n: int, **values: Any) -> ContactFields:
    return ContactFields(number(n), number(n), **values)


async def contact(world: World, folder: ContactFolder, fields: ContactFields) -> Contact:
    return await world.store.contacts.create_contact(
        world.account_id, ContactId(world.ids.new_id()), folder.contact_folder_id, fields
    )
