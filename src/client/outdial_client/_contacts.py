"""Contacts and their folders."""

from collections.abc import AsyncIterable, Callable, Iterable

from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from outdial.v1 import contact_service_pb2 as messages
from outdial.v1.contact_pb2 import Contact, ContactFolder
from outdial.v1.contact_service_pb2_grpc import ContactFolderServiceStub, ContactServiceStub
from outdial.v1.import_pb2 import BadRowPolicy, ContactImportOptions
from outdial.v1.scheduled_call_pb2 import Disposition

from outdial_client._contact_columns import ContactColumns
from outdial_client._csv import CsvFile, CsvSource
from outdial_client._import_rows import CONTACTS, CsvImportRows, GivenImportRows, ImportRows
from outdial_client._import_stream import ImportStream
from outdial_client._imports import ContactImportResult, ImportProgress, to_contact_result
from outdial_client._inputs import NewContact, to_contact
from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender


class ContactFolders:
    """Lists of people that batches are made from."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = ContactFolderServiceStub(channel)
        self._send = sender.send

    async def create(
        self, display_name: str, *, description: str = "", request_id: str = ""
    ) -> ContactFolder:
        """Makes an empty folder; several may have the same name."""
        folder = ContactFolder(display_name=display_name, description=description)
        request = messages.CreateContactFolderRequest(contact_folder=folder, request_id=request_id)
        return (await self._send(self._stub.CreateContactFolder, request)).contact_folder

    async def get(self, contact_folder_id: str) -> ContactFolder:
        """One folder, by its id."""
        request = messages.GetContactFolderRequest(contact_folder_id=contact_folder_id)
        return (await self._send(self._stub.GetContactFolder, request)).contact_folder

    def list(
        self, *, display_name: str = "", order_by: str = "", page_size: int = 0
    ) -> Pager[ContactFolder]:
        """Folders, oldest first, or in another order.

        Args:
            display_name: Only folders of exactly this name.
            order_by: `create_time`, `display_name` or `contact_count`; with ` desc`
                behind it the greatest comes first.
            page_size: How many are asked for at once.
        """

        async def fetch(page_token: str) -> Page[ContactFolder]:
            request = messages.ListContactFoldersRequest(
                page_size=page_size,
                page_token=page_token,
                display_name=display_name,
                order_by=order_by,
            )
            response = await self._send(self._stub.ListContactFolders, request)
            return Page(response.contact_folders, response.next_page_token)

        return Pager(fetch)

    async def update(self, folder: ContactFolder, fields: Iterable[str]) -> ContactFolder:
        """Writes those `fields` of `folder`; AbortedError when its etag is out of date."""
        request = messages.UpdateContactFolderRequest(
            contact_folder=folder, update_mask=FieldMask(paths=list(fields))
        )
        return (await self._send(self._stub.UpdateContactFolder, request)).contact_folder

    async def delete(self, contact_folder_id: str) -> None:
        """Deletes a folder with all contacts in it, for good."""
        request = messages.DeleteContactFolderRequest(contact_folder_id=contact_folder_id)
        await self._send(self._stub.DeleteContactFolder, request)


class Contacts:
    """People who are kept to be called from more than one batch."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._channel = channel
        self._stub = ContactServiceStub(channel)
        self._sender = sender
        self._send = sender.send

    async def import_csv(
        self,
        file: CsvFile,
        contact_folder_id: str,
        *,
        overwrite_existing: bool = False,
        columns: ContactColumns | None = None,
        bad_rows: BadRowPolicy.ValueType = BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL,
        request_id: str = "",
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ContactImportResult:
        """Puts the people in a CSV file into a folder, as `batches.import_csv` reads one.

        Args:
            file: A path, or a file that is open for reading bytes.
            contact_folder_id: The folder.
            overwrite_existing: Whether a row whose number is in the folder changes that
                contact; else the row is skipped.
            columns: Which column holds what; else it is found by the usual names.
            bad_rows: What to do when rows have faults: add nothing, or the others.
            request_id: Of an import that broke off, to make sure of it.
            on_progress: Told after each slice of 500 rows.

        Raises:
            CsvFileError: It cannot be read at all, or no column holds numbers.
            ImportRefusedError: Rows have faults, with REJECT_ALL.
            ImportInterruptedError: The connection broke, twice if the file can be read
                again.
        """
        rows = CsvImportRows(CsvSource(file), columns or ContactColumns(), CONTACTS)
        options = ContactImportOptions(
            contact_folder_id=contact_folder_id,
            overwrite_existing=overwrite_existing,
            bad_rows=bad_rows,
            request_id=request_id,
        )
        return await self._import(rows, options, on_progress)

    async def import_rows(
        self,
        contacts: Iterable[NewContact | Contact] | AsyncIterable[NewContact | Contact],
        contact_folder_id: str,
        *,
        overwrite_existing: bool = False,
        bad_rows: BadRowPolicy.ValueType = BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL,
        request_id: str = "",
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ContactImportResult:
        """The same as `import_csv` with rows that a program makes, numbered from 1."""
        options = ContactImportOptions(
            contact_folder_id=contact_folder_id,
            overwrite_existing=overwrite_existing,
            bad_rows=bad_rows,
            request_id=request_id,
        )
        return await self._import(GivenImportRows(contacts, CONTACTS), options, on_progress)

    async def _import(
        self,
        rows: ImportRows,
        options: ContactImportOptions,
        on_progress: Callable[[ImportProgress], None] | None,
    ) -> ContactImportResult:
        stream = ImportStream(
            self._channel,
            self._sender,
            self._stub.ImportContacts,
            messages.ImportContactsRequest,
            options,
            rows,
            on_progress,
        )
        return to_contact_result(await stream.send(), rows.columns)

    async def create(self, contact: NewContact | Contact, *, request_id: str = "") -> Contact:
        """Makes a contact; AlreadyExistsError when its folder has one of that address."""
        request = messages.CreateContactRequest(contact=to_contact(contact), request_id=request_id)
        return (await self._send(self._stub.CreateContact, request)).contact

    async def get(self, contact_id: str) -> Contact:
        """One contact, by its id."""
        request = messages.GetContactRequest(contact_id=contact_id)
        return (await self._send(self._stub.GetContact, request)).contact

    def list(
        self,
        *,
        contact_folder_id: str = "",
        search: str = "",
        last_dispositions: Iterable[Disposition.ValueType] = (),
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[Contact]:
        """Contacts, oldest first.

        Args:
            contact_folder_id: Only those of this folder.
            search: Only those that have each of these words somewhere in name, email
                or address.
            last_dispositions: Only those whose latest call ended so.
            page_size: How many are asked for at once.
            skip: So many are passed over first.
        """
        wanted = [*last_dispositions]

        async def fetch(page_token: str) -> Page[Contact]:
            request = messages.ListContactsRequest(
                page_size=page_size,
                page_token=page_token,
                skip=0 if page_token else skip,
                contact_folder_id=contact_folder_id,
                search=search,
                last_dispositions=wanted,
            )
            response = await self._send(self._stub.ListContacts, request)
            return Page(response.contacts, response.next_page_token)

        return Pager(fetch)

    async def update(self, contact: Contact, fields: Iterable[str]) -> Contact:
        """Writes those `fields` of `contact`; AbortedError when its etag is out of date."""
        request = messages.UpdateContactRequest(
            contact=contact, update_mask=FieldMask(paths=list(fields))
        )
        return (await self._send(self._stub.UpdateContact, request)).contact

    async def delete(self, contact_id: str) -> None:
        """Deletes a contact for good; batches that it was copied into keep their copies."""
        await self._send(
            self._stub.DeleteContact, messages.DeleteContactRequest(contact_id=contact_id)
        )
