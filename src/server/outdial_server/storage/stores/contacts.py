"""ContactFolderStore and ContactStore over a database."""

from collections.abc import Callable, Sequence

from outdial_server.domain.contact import Contact, ContactFields
from outdial_server.domain.contact_folder import ContactFolder, ContactFolderFields, FolderOrder
from outdial_server.domain.ids import AccountId, ContactFolderId, ContactId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.ports.contacts import ContactFilter
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import contact_folders, contacts


class SqlContactFolders:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_folder(
        self,
        account_id: AccountId,
        folder_id: ContactFolderId,
        fields: ContactFolderFields,
        request: RequestKey | None = None,
    ) -> ContactFolder:
        return await self._db.write(
            lambda tx: contact_folders.create_folder(tx, account_id, folder_id, fields, request)
        )

    async def get_folder(self, account_id: AccountId, folder_id: ContactFolderId) -> ContactFolder:
        return await self._db.read(lambda tx: contact_folders.get_folder(tx, account_id, folder_id))

    async def list_folders(
        self,
        account_id: AccountId,
        page: PageRequest,
        order: FolderOrder,
        display_name: str = "",
    ) -> Page[ContactFolder]:
        return await self._db.read(
            lambda tx: contact_folders.list_folders(tx, account_id, page, order, display_name)
        )

    async def change_folder(
        self,
        account_id: AccountId,
        folder_id: ContactFolderId,
        decide: Callable[[ContactFolder], ContactFolderFields],
    ) -> ContactFolder:
        return await self._db.write(
            lambda tx: contact_folders.change_folder(tx, account_id, folder_id, decide)
        )

    async def delete_folder(self, account_id: AccountId, folder_id: ContactFolderId) -> None:
        await self._db.write(lambda tx: contact_folders.delete_folder(tx, account_id, folder_id))


class SqlContacts:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_contact(
        self,
        account_id: AccountId,
        contact_id: ContactId,
        folder_id: ContactFolderId,
        fields: ContactFields,
        request: RequestKey | None = None,
    ) -> Contact:
        return await self._db.write(
            lambda tx: contacts.create_contact(
                tx, account_id, contact_id, folder_id, fields, request
            )
        )

    async def get_contact(self, account_id: AccountId, contact_id: ContactId) -> Contact:
        return await self._db.read(lambda tx: contacts.get_contact(tx, account_id, contact_id))

    async def get_contacts(
        self, account_id: AccountId, contact_ids: Sequence[ContactId]
    ) -> Sequence[Contact]:
        return await self._db.read(lambda tx: contacts.get_contacts(tx, account_id, contact_ids))

    async def list_contacts(
        self, account_id: AccountId, page: PageRequest, wanted: ContactFilter
    ) -> Page[Contact]:
        return await self._db.read(lambda tx: contacts.list_contacts(tx, account_id, page, wanted))

    async def change_contact(
        self,
        account_id: AccountId,
        contact_id: ContactId,
        decide: Callable[[Contact], ContactFields],
    ) -> Contact:
        return await self._db.write(
            lambda tx: contacts.change_contact(tx, account_id, contact_id, decide)
        )

    async def delete_contact(self, account_id: AccountId, contact_id: ContactId) -> None:
        await self._db.write(lambda tx: contacts.delete_contact(tx, account_id, contact_id))
