"""Contacts and their folders as resources."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from outdial_server.domain.call import Disposition
from outdial_server.domain.contact import Contact, ContactFields
from outdial_server.domain.contact_folder import ContactFolder, ContactFolderFields, FolderOrder
from outdial_server.domain.ids import AccountId, ContactFolderId, ContactId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey


class ContactFolderStore(Protocol):
    async def create_folder(
        self,
        account_id: AccountId,
        folder_id: ContactFolderId,
        fields: ContactFolderFields,
        request: RequestKey | None = None,
    ) -> ContactFolder:
        """Raises AlreadyExistsError (REQUEST_ID_REUSED)."""
        ...

    async def get_folder(self, account_id: AccountId, folder_id: ContactFolderId) -> ContactFolder:
        """Raises NotFoundError (CONTACT_FOLDER_NOT_FOUND)."""
        ...

    async def list_folders(
        self,
        account_id: AccountId,
        page: PageRequest,
        order: FolderOrder,
        display_name: str = "",
    ) -> Page[ContactFolder]:
        """With a name, the folders of exactly that name."""
        ...

    async def change_folder(
        self,
        account_id: AccountId,
        folder_id: ContactFolderId,
        decide: Callable[[ContactFolder], ContactFolderFields],
    ) -> ContactFolder:
        """Reads, decides and writes in one transaction. Raises NotFoundError
        (CONTACT_FOLDER_NOT_FOUND)."""
        ...

    async def delete_folder(self, account_id: AccountId, folder_id: ContactFolderId) -> None:
        """Hides it with its contacts; RetentionStore erases them. Raises NotFoundError
        (CONTACT_FOLDER_NOT_FOUND)."""
        ...


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts a list has. `words` must all be in a contact's search text."""

    folder_id: ContactFolderId | None = None
    words: tuple[str, ...] = ()
    last_dispositions: Collection[Disposition] = ()


class ContactStore(Protocol):
    async def create_contact(
        self,
        account_id: AccountId,
        contact_id: ContactId,
        folder_id: ContactFolderId,
        fields: ContactFields,
        request: RequestKey | None = None,
    ) -> Contact:
        """Raises NotFoundError (CONTACT_FOLDER_NOT_FOUND), AlreadyExistsError
        (CONTACT_EXISTS, REQUEST_ID_REUSED)."""
        ...

    async def get_contact(self, account_id: AccountId, contact_id: ContactId) -> Contact:
        """Raises NotFoundError (CONTACT_NOT_FOUND)."""
        ...

    async def get_contacts(
        self, account_id: AccountId, contact_ids: Sequence[ContactId]
    ) -> Sequence[Contact]:
        """Some 500 at most, in the order of the ids. Raises NotFoundError
        (CONTACT_NOT_FOUND)."""
        ...

    async def list_contacts(
        self, account_id: AccountId, page: PageRequest, wanted: ContactFilter
    ) -> Page[Contact]:
        """Oldest first. Raises NotFoundError (CONTACT_FOLDER_NOT_FOUND)."""
        ...

    async def change_contact(
        self,
        account_id: AccountId,
        contact_id: ContactId,
        decide: Callable[[Contact], ContactFields],
    ) -> Contact:
        """Reads, decides and writes in one transaction. Raises NotFoundError
        (CONTACT_NOT_FOUND), AlreadyExistsError (CONTACT_EXISTS)."""
        ...

    async def delete_contact(self, account_id: AccountId, contact_id: ContactId) -> None:
        """Raises NotFoundError (CONTACT_NOT_FOUND)."""
        ...
