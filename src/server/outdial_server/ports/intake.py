"""Rows on their way into a batch: staged in slices, and seen by nobody before they are
revealed, all in one moment."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch import Batch
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.carrier_params import DialledThrough
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.ids import AccountId, AgentId, BatchId, ImportId
from outdial_server.domain.imports import Finding, Import, ImportCounts
from outdial_server.domain.medium import Medium, MediumRule
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.plan import Duplicate
from outdial_server.domain.request import RequestKey, RequestName
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.time_zones import ZoneRule
from outdial_server.domain.window_estimate import WindowEstimate

R_contra = TypeVar("R_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class NewBatch:
    batch_id: BatchId
    account_id: AccountId
    agent_id: AgentId
    # Empty: that of its carrier config.
    carrier: str
    duplicates: DuplicatePolicy
    settings: BatchSettings
    draft: bool
    zone_rule: ZoneRule = ZoneRule.BATCH_ZONE
    # Stands behind a direct call: see `domain.direct_call`.
    is_direct: bool = False
    # Where it is in the request, for the names of faults.
    path: str = "batch"
    terms: CarrierTerms = NO_TERMS
    # Of people who have none of their own.
    medium: Medium = Medium.OUTGOING


@dataclass(frozen=True, slots=True)
class RowConfig:
    """A carrier config that somebody is to be dialled with."""

    config_id: str
    through: DialledThrough
    has_credentials: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is told of rows that go in; kept for a repetition of the request. `counts` is for
    an import, and for nothing else."""

    skipped: Sequence[Duplicate] = ()
    duplicate_count: int = 0
    counts: ImportCounts | None = None


@dataclass(frozen=True, slots=True)
class StoredRows:
    """A batch after rows went in, and what is told of them. After a repeated request nothing
    went in, the batch is as it is now, and the rest is what was told the first time."""

    batch: Batch
    skipped: tuple[Duplicate, ...] = ()
    duplicate_count: int = 0
    imported: Import | None = None
    # For a window that has an end.
    estimate: WindowEstimate | None = None


class RowSink(Protocol[R_contra]):
    """Where the rows of a list go, slice by slice."""

    @property
    def duplicates(self) -> DuplicatePolicy:
        """The rule for addresses that are there already."""
        ...

    @property
    def first_position(self) -> int: ...

    def already_there(self, addresses: Collection[str]) -> AsyncIterator[Mapping[str, int]]:
        """The positions at which the batch has these addresses, the first of each, in parts.
        May tell of others, too, and tells of each at least before it is asked for."""
        ...

    async def stage(self, rows: Sequence[R_contra], findings: Sequence[Finding] = ()) -> None:
        """The next rows, in one transaction with what was found among them; a slice of about
        500 keeps the writer's turn short. Raises ConflictError (BATCH_CHANGED), NotFoundError
        (CARRIER_CONFIG_NOT_FOUND)."""
        ...


class Staging(RowSink[NewScheduledCall], Protocol):
    """One list of rows on its way into a batch. Only `reveal` shows it; left without, it
    leaves nothing but the import that `refuse` has recorded."""

    @property
    def zone_rule(self) -> ZoneRule:
        """The batch's, of whose zone counts."""
        ...

    @property
    def begun_at(self) -> datetime:
        """When the list began to come in, by the store."""
        ...

    @property
    def agent(self) -> AgentFields:
        """The batch's, as it was when the list began: what contexts are checked by. Not
        there for a request that is repeated."""
        ...

    @property
    def through(self) -> DialledThrough:
        """Who is to dial the batch, as it was when the list began. Not there for a request
        that is repeated."""
        ...

    async def find_configs(self, texts: Collection[str]) -> Mapping[str, RowConfig]:
        """The account's carrier configs of these ids or names, by these; others are left out."""
        ...

    @property
    def media(self) -> MediumRule:
        """Which media people of the batch may have."""
        ...

    @property
    def is_repeated(self) -> bool:
        """Whether a request of this name was carried out before: then nothing may be staged,
        and `earlier` is all there is to ask."""
        ...

    async def reveal(self, outcome: Outcome, request: RequestKey | None) -> StoredRows:
        """Shows what was staged. A twin of the request that was faster is answered for this
        one. Raises NotFoundError (AGENT_NOT_FOUND), PreconditionError (BATCH_STATE,
        AGENT_INACTIVE),
        AlreadyExistsError (REQUEST_ID_REUSED), ConflictError (BATCH_CHANGED)."""
        ...

    async def refuse(self, counts: ImportCounts) -> Import:
        """Records an import of which nothing is added, with its findings."""
        ...

    async def earlier(self, request: RequestKey) -> StoredRows:
        """What the same request was answered with. Raises AlreadyExistsError
        (REQUEST_ID_REUSED) when its content was another."""
        ...


class IntakeStore(Protocol):
    def new_batch(
        self, new: NewBatch, request: RequestName | None, import_id: ImportId | None = None
    ) -> AbstractAsyncContextManager[Staging]:
        """A batch to make. Raises NotFoundError (AGENT_NOT_FOUND), PreconditionError
        (AGENT_INACTIVE)."""
        ...

    def append(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        request: RequestName | None,
        import_id: ImportId | None = None,
        *,
        replaces: bool = False,
    ) -> AbstractAsyncContextManager[Staging]:
        """Rows behind the last position of a batch; with `replaces` in place of those who wait,
        who have ended when `reveal` returns. Lists for one batch take turns in one
        server; between servers the later one is refused. Raises NotFoundError
        (BATCH_NOT_FOUND), PreconditionError (BATCH_STATE), ConflictError (BATCH_CHANGED)."""
        ...

    def rehearse_batch(self, new: NewBatch) -> AbstractAsyncContextManager[Staging]:
        """As `new_batch` for a list that is only checked: nothing is stored, and what is
        revealed comes with an estimate of its window."""
        ...

    def rehearse_append(
        self, account_id: AccountId, batch_id: BatchId, *, replaces: bool = False
    ) -> AbstractAsyncContextManager[Staging]:
        """As `append` for a list that is only checked."""
        ...

    async def estimate_window(self, new: NewBatch, people: int) -> WindowEstimate:
        """For a batch with so many people, of which nothing is stored. Raises like
        `new_batch`."""
        ...


class ImportStore(Protocol):
    async def get_import(self, account_id: AccountId, import_id: ImportId) -> Import:
        """Raises NotFoundError (IMPORT_NOT_FOUND)."""
        ...

    async def list_findings(
        self, account_id: AccountId, import_id: ImportId, page: PageRequest
    ) -> Page[Finding]:
        """In the order of the rows. Raises NotFoundError (IMPORT_NOT_FOUND)."""
        ...
