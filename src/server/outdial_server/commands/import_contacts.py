"""ImportContacts."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from outdial_server.commands.rows import name_of, take_slices
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.checks import Checks
from outdial_server.domain.contact import ContactFields, NewContact, checked_contact
from outdial_server.domain.errors import FieldViolation, invalid_field
from outdial_server.domain.ids import AccountId, ContactFolderId, ImportId
from outdial_server.domain.imports import BadRowPolicy
from outdial_server.domain.intake import CheckedRows, ImportTally, RowFault
from outdial_server.domain.request import GrowingRequest
from outdial_server.domain.time_zones import known_zones
from outdial_server.ports.contact_intake import (
    ContactImport,
    ContactIntake,
    ContactStaging,
    StoredContacts,
)
from outdial_server.ports.identity import IdSource


@dataclass(slots=True)
class RawContact:
    """A row as it came. Not frozen, like `RawRow`."""

    fields: ContactFields
    # What was found wrong with it on its way to us: the row is refused whatever it holds.
    faults: Sequence[FieldViolation] = ()


RawContacts = AsyncGenerator[Sequence[tuple[int, RawContact]], None]
"""As `RawRows`."""


@dataclass(frozen=True, slots=True)
class ContactImportSpec:
    account_id: AccountId
    folder_id: ContactFolderId
    bad_rows: BadRowPolicy
    overwrite: bool


@dataclass(frozen=True, slots=True)
class ImportContacts:
    intake: ContactIntake
    ids: IdSource

    async def execute(
        self, spec: ContactImportSpec, raw: RawContacts, request: GrowingRequest | None
    ) -> StoredContacts:
        """`request` grows with each slice. Whatever `raw` raises leaves nothing. Raises
        InvalidFieldsError (also IMPORT_REFUSED, metadata `import_id`), and what
        `ContactIntake` and `ContactStaging` raise."""
        import_id = ImportId(self.ids.new_id())
        wanted = ContactImport(spec.account_id, import_id, spec.folder_id, spec.overwrite)
        async with self.intake.begin(wanted, name_of(request)) as staging:
            if request is not None and staging.is_repeated:
                return await _answer_again(staging, raw, request)
            tally = ImportTally(spec.bad_rows, DuplicatePolicy.SKIP)
            await take_slices(staging, _checked(raw), tally, lambda rows: rows)
            if not tally.row_count:
                raise invalid_field("rows", "must be at least one")
            if tally.is_refused:
                await staging.refuse(tally.counts(added=False))
                raise tally.refusal(import_id)
            return await staging.add(tally.counts(added=False), request.key if request else None)


async def _checked(raw: RawContacts) -> AsyncGenerator[CheckedRows[NewContact], None]:
    async with aclosing(raw):
        async for piece in raw:
            yield _check(piece)


def _check(piece: Sequence[tuple[int, RawContact]]) -> CheckedRows[NewContact]:
    rows: list[tuple[int, NewContact]] = []
    faults: list[RowFault] = []
    zones = known_zones()
    for number, raw in piece:
        checks = Checks("", list(raw.faults))
        fields = raw.fields if raw.faults else checked_contact(checks, raw.fields, zones)
        if checks.violations:
            faults += (RowFault(number, f.field, f.description) for f in checks.violations)
        else:
            rows.append((number, NewContact(number, fields)))
    return CheckedRows(len(piece), rows, faults)


async def _answer_again(
    staging: ContactStaging, raw: RawContacts, request: GrowingRequest
) -> StoredContacts:
    """For a request that was carried out before: of its rows only the content counts."""
    async with aclosing(raw):
        async for _ in raw:
            await asyncio.sleep(0)
    return await staging.earlier(request.key)
