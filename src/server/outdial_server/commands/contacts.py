"""CreateContactFolder, UpdateContactFolder, CreateContact and UpdateContact."""

from collections.abc import Callable
from dataclasses import dataclass

from outdial_server.domain.checks import Checks
from outdial_server.domain.contact import Contact, ContactFields, checked_contact
from outdial_server.domain.contact_folder import (
    ContactFolder,
    ContactFolderFields,
    check_contact_folder,
)
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId, ContactFolderId, ContactId
from outdial_server.domain.request import RequestKey
from outdial_server.domain.time_zones import known_zones
from outdial_server.ports.contacts import ContactFolderStore, ContactStore
from outdial_server.ports.identity import IdSource


@dataclass(frozen=True, slots=True)
class CreateContactFolder:
    folders: ContactFolderStore
    ids: IdSource

    async def execute(
        self, account_id: AccountId, fields: ContactFolderFields, request: RequestKey | None
    ) -> ContactFolder:
        """Raises InvalidFieldsError, AlreadyExistsError (REQUEST_ID_REUSED)."""
        _check_folder(fields)
        folder_id = ContactFolderId(self.ids.new_id())
        return await self.folders.create_folder(account_id, folder_id, fields, request)


@dataclass(frozen=True, slots=True)
class UpdateContactFolder:
    folders: ContactFolderStore

    async def execute(
        self,
        account_id: AccountId,
        folder_id: ContactFolderId,
        change: Callable[[ContactFolderFields], ContactFolderFields],
        etag: str = "",
    ) -> ContactFolder:
        """`change` writes what the client's mask names over the present fields. Raises
        InvalidFieldsError, NotFoundError (CONTACT_FOLDER_NOT_FOUND), ConflictError
        (ETAG_MISMATCH)."""

        def decide(folder: ContactFolder) -> ContactFolderFields:
            check_etag(etag, folder.revision)
            fields = change(folder.fields)
            _check_folder(fields)
            return fields

        return await self.folders.change_folder(account_id, folder_id, decide)


@dataclass(frozen=True, slots=True)
class CreateContact:
    contacts: ContactStore
    ids: IdSource

    async def execute(
        self,
        account_id: AccountId,
        folder_id: ContactFolderId,
        fields: ContactFields,
        request: RequestKey | None,
    ) -> Contact:
        """Raises InvalidFieldsError, NotFoundError (CONTACT_FOLDER_NOT_FOUND),
        AlreadyExistsError (CONTACT_EXISTS, REQUEST_ID_REUSED)."""
        checks = Checks("contact.")
        if not folder_id:
            checks.fault("contact_folder_id", "is required")
        checked = checked_contact(checks, fields, known_zones())
        checks.raise_if_any()
        contact_id = ContactId(self.ids.new_id())
        return await self.contacts.create_contact(
            account_id, contact_id, folder_id, checked, request
        )


@dataclass(frozen=True, slots=True)
class UpdateContact:
    contacts: ContactStore

    async def execute(
        self,
        account_id: AccountId,
        contact_id: ContactId,
        change: Callable[[ContactFields], ContactFields],
        etag: str = "",
    ) -> Contact:
        """`change` writes what the client's mask names over the present fields. Raises
        InvalidFieldsError, NotFoundError (CONTACT_NOT_FOUND), AlreadyExistsError
        (CONTACT_EXISTS), ConflictError (ETAG_MISMATCH)."""

        def decide(contact: Contact) -> ContactFields:
            check_etag(etag, contact.revision)
            checks = Checks("contact.")
            checked = checked_contact(checks, change(contact.fields), known_zones())
            checks.raise_if_any()
            return checked

        return await self.contacts.change_contact(account_id, contact_id, decide)


def _check_folder(fields: ContactFolderFields) -> None:
    checks = Checks("contact_folder.")
    check_contact_folder(checks, fields)
    checks.raise_if_any()
