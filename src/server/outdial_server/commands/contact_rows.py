"""Contacts as rows of a batch: copied slice by slice, on the way that all rows go."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from outdial_server.commands.rows import SLICE_ROWS, MoreRows, RawRows
from outdial_server.domain.contact import NO_CONTACTS, Contact, ContactFields, ContactSelection
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, ContactFolderId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.row_checks import RawRow
from outdial_server.ports.contacts import ContactFilter, ContactFolderStore, ContactStore
from outdial_server.ports.intake import Staging


@dataclass(frozen=True, slots=True)
class CopyContacts:
    folders: ContactFolderStore
    contacts: ContactStore

    async def rows_of(
        self, staging: Staging, account_id: AccountId, selection: ContactSelection
    ) -> MoreRows | None:
        """None where nobody is selected, and for a request that is repeated: by now the
        contacts may be others, or gone. Raises NotFoundError (CONTACT_FOLDER_NOT_FOUND),
        PreconditionError (CONTACT_FOLDER_EMPTY). A contact that is not there is found on the
        way: NotFoundError (CONTACT_NOT_FOUND)."""
        if staging.is_repeated or selection == NO_CONTACTS:
            return None
        for folder_id in selection.folder_ids:
            folder = await self.folders.get_folder(account_id, folder_id)
            if not folder.contact_count:
                raise PreconditionError(
                    Reason.CONTACT_FOLDER_EMPTY,
                    f"there is no contact in the folder {folder.fields.display_name!r}",
                    {"contact_folder_id": folder_id},
                )
        return _Selected(self.contacts, account_id, selection).behind


@dataclass(frozen=True, slots=True)
class _Selected:
    contacts: ContactStore
    account_id: AccountId
    selection: ContactSelection

    async def behind(self, raw: RawRows, as_of: datetime) -> RawRows:
        """The contacts that were there at a moment, behind the rows of the request itself."""
        count = 0
        async with aclosing(raw):
            async for piece in raw:
                yield piece
                count += len(piece)
        async with aclosing(self._slices(as_of)) as slices:
            async for contacts in slices:
                there = [contact for contact in contacts if contact.created_at <= as_of]
                yield [(number, _row(contact)) for number, contact in enumerate(there, count)]
                count += len(there)

    async def _slices(self, as_of: datetime) -> AsyncGenerator[Sequence[Contact], None]:
        for folder_id in self.selection.folder_ids:
            async for contacts in self._in_folder(folder_id, as_of):
                yield contacts
        ids, copied = self.selection.contact_ids, frozenset(self.selection.folder_ids)
        for start in range(0, len(ids), SLICE_ROWS):
            some = ids[start : start + SLICE_ROWS]
            contacts = await self.contacts.get_contacts(self.account_id, some)
            yield [contact for contact in contacts if contact.contact_folder_id not in copied]

    async def _in_folder(
        self, folder_id: ContactFolderId, as_of: datetime
    ) -> AsyncGenerator[Sequence[Contact], None]:
        """Up to the first page with somebody younger: a folder that grows has an end, too."""
        wanted, token = ContactFilter(folder_id), ""
        while True:
            page = PageRequest(SLICE_ROWS, token)
            read = await self.contacts.list_contacts(self.account_id, page, wanted)
            yield read.items
            token = read.next_token
            if not token or read.items[-1].created_at > as_of:
                return


def _row(contact: Contact) -> RawRow:
    fields = contact.fields
    return RawRow(
        fields.address,
        time_zone=fields.time_zone,
        template_context_json=_context_json(fields),
        metadata=fields.metadata,
        contact_id=contact.contact_id,
        contact_folder_id=contact.contact_folder_id,
    )


_NAMED: Final = (
    "first_name",
    "last_name",
    "email",
    "company_name",
    "industry",
    "location",
    "postal_code",
    "keywords",
)


def _context_json(fields: ContactFields) -> str:
    """What is set, under its name: it comes before an own field of that name. What is not
    set is left to the defaults of the agent."""
    context = orjson.loads(fields.custom_fields_json) if fields.custom_fields_json else {}
    for name in _NAMED:
        value = getattr(fields, name)
        if value:
            context[name] = value
    context["phone_number"] = fields.normalized_address
    return orjson.dumps(context, option=orjson.OPT_SORT_KEYS).decode()
