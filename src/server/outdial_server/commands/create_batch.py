"""CreateBatch."""

from dataclasses import dataclass

from outdial_server.commands.contact_rows import CopyContacts
from outdial_server.commands.new_batch import BatchPlanner, BatchSpec, refusal_of_an_empty_batch
from outdial_server.commands.rows import RawRows, name_of, take_list, with_faults_of_rows
from outdial_server.domain.contact import NO_CONTACTS, ContactSelection
from outdial_server.domain.errors import InvalidFieldsError
from outdial_server.domain.request import GrowingRequest
from outdial_server.ports.intake import IntakeStore, StoredRows
from outdial_server.ports.schemas import SchemaCompiler
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class CreateBatch:
    intake: IntakeStore
    planner: BatchPlanner
    signals: Signals
    schemas: SchemaCompiler
    copies: CopyContacts

    async def execute(
        self,
        spec: BatchSpec,
        raw: RawRows,
        request: GrowingRequest | None,
        contacts: ContactSelection = NO_CONTACTS,
        *,
        validate_only: bool = False,
    ) -> StoredRows:
        """`request` grows with each slice of the rows; there is none with `validate_only`, which
        stores nothing. Raises InvalidFieldsError (also WINDOW_TOO_SHORT), NotFoundError
        (AGENT_NOT_FOUND, CONTACT_FOLDER_NOT_FOUND, CONTACT_NOT_FOUND), PreconditionError
        (CARRIER_NOT_CONFIGURED, BATCH_EMPTY, AGENT_INACTIVE, CONTACT_FOLDER_EMPTY),
        AlreadyExistsError (REQUEST_ID_REUSED)."""
        try:
            new = self.planner.plan(spec)
        except InvalidFieldsError as error:
            raise await with_faults_of_rows(error, raw) from None
        opened = (
            self.intake.rehearse_batch(new)
            if validate_only
            else self.intake.new_batch(new, name_of(request))
        )
        async with opened as staging:
            empty = refusal_of_an_empty_batch(draft=spec.draft)
            more = await self.copies.rows_of(staging, spec.account_id, contacts)
            stored = await take_list(
                staging, raw, request, empty, self.schemas, self.planner.terms, more
            )
        if not validate_only:
            self.signals.wake(Topic.CLAIM, Topic.WINDOW)
        return stored
