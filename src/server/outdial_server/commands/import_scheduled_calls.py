"""ImportScheduledCalls."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from outdial_server.commands.contexts import context_check
from outdial_server.commands.new_batch import BatchPlanner, BatchSpec, refusal_of_an_empty_batch
from outdial_server.commands.rows import RawRows, answer_again, checked_rows, name_of, take_in
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId, BatchId, ImportId
from outdial_server.domain.imports import BadRowPolicy
from outdial_server.domain.intake import ImportTally
from outdial_server.domain.request import GrowingRequest, RequestName
from outdial_server.ports.identity import IdSource
from outdial_server.ports.intake import IntakeStore, Outcome, Staging, StoredRows
from outdial_server.ports.schemas import SchemaCompiler
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """`target` is a batch to make, or the id of one to add to."""

    account_id: AccountId
    target: BatchSpec | BatchId
    bad_rows: BadRowPolicy


@dataclass(frozen=True, slots=True)
class ImportScheduledCalls:
    intake: IntakeStore
    planner: BatchPlanner
    ids: IdSource
    signals: Signals
    schemas: SchemaCompiler

    async def execute(
        self, spec: ImportSpec, raw: RawRows, request: GrowingRequest | None
    ) -> StoredRows:
        """All but the rows is checked before the first of them is read; the next slice is
        read when the one before is staged. `request` grows with each. Whatever `raw` raises
        leaves nothing. Raises InvalidFieldsError (also IMPORT_REFUSED, metadata `import_id`),
        and what CreateBatch and AddScheduledCalls raise."""
        import_id = ImportId(self.ids.new_id())
        async with self._staging(spec, name_of(request), import_id) as staging:
            if request is not None and staging.is_repeated:
                return await answer_again(staging, raw, request)
            tally = ImportTally(spec.bad_rows, staging.duplicates)
            contexts = context_check(staging.agent, self.schemas)
            await take_in(staging, checked_rows(raw, staging, contexts, self.planner.terms), tally)
            _refuse_none(spec, tally)
            if tally.is_refused or (_needs_rows(spec) and not tally.added_count):
                await staging.refuse(tally.counts(added=False))
                raise tally.refusal(import_id)
            outcome = Outcome(counts=tally.counts(added=True))
            stored = await staging.reveal(outcome, request.key if request else None)
        self.signals.wake(Topic.CLAIM, Topic.WINDOW)
        return stored

    def _staging(
        self, spec: ImportSpec, name: RequestName | None, import_id: ImportId
    ) -> AbstractAsyncContextManager[Staging]:
        if isinstance(spec.target, BatchSpec):
            new = self.planner.plan(spec.target)
            return self.intake.new_batch(new, name, import_id)
        return self.intake.append(spec.account_id, spec.target, name, import_id)


def _needs_rows(spec: ImportSpec) -> bool:
    return isinstance(spec.target, BatchSpec) and not spec.target.draft


def _refuse_none(spec: ImportSpec, tally: ImportTally) -> None:
    if tally.row_count:
        return
    if not isinstance(spec.target, BatchSpec):
        raise invalid_field("rows", "must be at least one")
    refusal = refusal_of_an_empty_batch(draft=spec.target.draft)
    if refusal is not None:
        raise refusal
