"""Contacts on their way into a folder: staged in slices, and put in only when all are
there."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from outdial_server.domain.contact import NewContact
from outdial_server.domain.contact_folder import ContactFolder
from outdial_server.domain.ids import AccountId, ContactFolderId, ImportId
from outdial_server.domain.imports import Import, ImportCounts
from outdial_server.domain.request import RequestKey, RequestName
from outdial_server.ports.intake import RowSink


@dataclass(frozen=True, slots=True)
class ContactImport:
    """What an import is to do."""

    account_id: AccountId
    import_id: ImportId
    folder_id: ContactFolderId
    overwrite: bool


@dataclass(frozen=True, slots=True)
class StoredContacts:
    """A folder after an import. After a repeated request the folder is as it is now."""

    imported: Import
    folder: ContactFolder


class ContactStaging(RowSink[NewContact], Protocol):
    """One list on its way. Before `add` it is seen by nobody; left without, it leaves nothing
    but the import that `refuse` has recorded."""

    @property
    def is_repeated(self) -> bool:
        """As of `Staging`."""
        ...

    async def add(self, counts: ImportCounts, request: RequestKey | None) -> StoredContacts:
        """Decides that the rows go in, and puts them in, in groups. Once that is decided it
        comes to its end, whatever breaks. Raises NotFoundError (CONTACT_FOLDER_NOT_FOUND),
        AlreadyExistsError (REQUEST_ID_REUSED), ConflictError (BATCH_CHANGED)."""
        ...

    async def refuse(self, counts: ImportCounts) -> Import:
        """Records an import of which nothing is added, with its findings."""
        ...

    async def earlier(self, request: RequestKey) -> StoredContacts:
        """What the same request was answered with. Raises AlreadyExistsError
        (REQUEST_ID_REUSED) when its content was another."""
        ...


class ContactIntake(Protocol):
    def begin(
        self, wanted: ContactImport, request: RequestName | None
    ) -> AbstractAsyncContextManager[ContactStaging]:
        """Raises NotFoundError (CONTACT_FOLDER_NOT_FOUND)."""
        ...
