"""AddScheduledCalls."""

from dataclasses import dataclass

from outdial_server.commands.contact_rows import CopyContacts
from outdial_server.commands.rows import RawRows, name_of, take_list
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.contact import NO_CONTACTS, ContactSelection
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.domain.request import GrowingRequest
from outdial_server.ports.intake import IntakeStore, StoredRows
from outdial_server.ports.schemas import SchemaCompiler
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class AddScheduledCalls:
    intake: IntakeStore
    signals: Signals
    schemas: SchemaCompiler
    copies: CopyContacts
    terms: CarrierTerms = NO_TERMS

    async def execute(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        raw: RawRows,
        request: GrowingRequest | None,
        contacts: ContactSelection = NO_CONTACTS,
        *,
        validate_only: bool = False,
        replaces: bool = False,
    ) -> StoredRows:
        """`request` grows with each slice of the rows; there is none with `validate_only`, which
        stores nothing. With `replaces` they take the place of those who wait. Raises
        InvalidFieldsError (also WINDOW_TOO_SHORT), NotFoundError
        (BATCH_NOT_FOUND, CONTACT_FOLDER_NOT_FOUND, CONTACT_NOT_FOUND), PreconditionError
        (BATCH_STATE, CONTACT_FOLDER_EMPTY), AlreadyExistsError
        (REQUEST_ID_REUSED), ConflictError (BATCH_CHANGED)."""
        opened = (
            self.intake.rehearse_append(account_id, batch_id, replaces=replaces)
            if validate_only
            else self.intake.append(account_id, batch_id, name_of(request), replaces=replaces)
        )
        try:
            async with opened as staging:
                empty = invalid_field("scheduled_calls", "must have at least one entry")
                more = await self.copies.rows_of(staging, account_id, contacts)
                return await take_list(staging, raw, request, empty, self.schemas, self.terms, more)
        finally:
            # However it ends: a list may be shown, and whom it replaces be left to the settler.
            if not validate_only:
                self.signals.wake(Topic.CLAIM, *((Topic.SETTLE,) if replaces else ()))
