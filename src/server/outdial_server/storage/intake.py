"""IntakeStore and ImportStore over a database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

from typing_extensions import override

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch import DuplicatePolicy
from outdial_server.domain.carrier_params import DialledThrough
from outdial_server.domain.errors import ConflictError, Reason
from outdial_server.domain.ids import AccountId, BatchId, ImportId
from outdial_server.domain.imports import Finding, Import, ImportCounts
from outdial_server.domain.medium import MediumRule
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey, RequestName
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.time_zones import ZoneRule
from outdial_server.domain.window_estimate import WindowEstimate
from outdial_server.ports.intake import NewBatch, Outcome, RowConfig, StoredRows
from outdial_server.storage.database import Database
from outdial_server.storage.encoding import id_or_not_found
from outdial_server.storage.rehearsal import rehearse
from outdial_server.storage.statements import ConstraintError
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import imports, replacing, revealing, staging
from outdial_server.storage.verbs.addresses import all_positions, first_positions
from outdial_server.storage.verbs.batch_rows import batch_by_key, batch_from
from outdial_server.storage.verbs.row_configs import find_row_configs
from outdial_server.storage.verbs.window_checks import estimate_window

ERASE_ROWS: Final = 500
"""In one transaction: about 5 ms of the writer."""

_ASKED_FOR_MOST: Final = 2_000
"""Up to here a list asks for its own addresses, each time over all of the batch. A longer
one is told all that the batch has, once."""

_SEARCH_ROWS: Final = 20_000
_TELL_ROWS: Final = 2_000
"""Rows in one read: a few ms of a reader, or of the event loop."""


class SqlStaging:
    """Staging."""

    def __init__(self, database: Database, staged: staging.Staged) -> None:
        self._db = database
        self._staged = staged
        self._row_count = 0
        self._finding_count = 0
        self._asked_for = 0
        self._is_told_all = False
        self._is_revealed = False
        # Of a list that replaces others, where nobody may be in the batch twice.
        self._new_addresses: set[str] = set()

    @property
    def duplicates(self) -> DuplicatePolicy:
        return self._staged.duplicates

    @property
    def zone_rule(self) -> ZoneRule:
        return self._staged.zone_rule

    @property
    def begun_at(self) -> datetime:
        return self._staged.begun_at

    @property
    def first_position(self) -> int:
        return self._staged.first_position

    @property
    def agent(self) -> AgentFields:
        assert self._staged.agent is not None, "a repeated request stages nothing"
        return self._staged.agent

    @property
    def through(self) -> DialledThrough:
        return self._staged.through

    @property
    def media(self) -> MediumRule:
        return self._staged.media

    async def find_configs(self, texts: Collection[str]) -> Mapping[str, RowConfig]:
        if not texts:
            return {}
        account = self._staged.account_key
        return await self._db.read(lambda tx: find_row_configs(tx, account, texts))

    @property
    def is_repeated(self) -> bool:
        return self._staged.is_repeated

    async def already_there(self, addresses: Collection[str]) -> AsyncIterator[Mapping[str, int]]:
        if self._is_told_all:
            return
        self._asked_for += len(addresses)
        self._is_told_all = self._asked_for > _ASKED_FOR_MOST
        rows = _TELL_ROWS if self._is_told_all else _SEARCH_ROWS
        end = self._staged.first_position
        for start in range(0, end, rows):
            yield await self._positions(range(start, min(start + rows, end)), addresses)

    async def _positions(self, positions: range, wanted: Collection[str]) -> Mapping[str, int]:
        key, but_waiting = self._staged.batch_key, self._staged.replaces
        if self._is_told_all:
            return await self._db.read(
                lambda tx: all_positions(tx, key, positions, but_waiting=but_waiting)
            )
        return await self._db.read(
            lambda tx: first_positions(tx, key, positions, wanted, but_waiting=but_waiting)
        )

    async def stage(
        self, rows: Sequence[NewScheduledCall], findings: Sequence[Finding] = ()
    ) -> None:
        if not rows and not findings:
            # A turn for the others all the same.
            await asyncio.sleep(0)
            return

        def stage(tx: Tx) -> None:
            staging.stage_rows(tx, self._staged, self._row_count, rows)
            if findings:
                staging.stage_findings(tx, self._staged, self._finding_count, findings)

        try:
            await self._db.write(stage)
        except ConstraintError as error:
            # Another server stages in the same place, or has swept this list away.
            raise staging.changed_meanwhile() from error
        self._row_count += len(rows)
        self._finding_count += len(findings)
        if self._staged.replaces and self.duplicates is not DuplicatePolicy.KEEP:
            self._new_addresses.update(row.normalized_address for row in rows)

    async def reveal(self, outcome: Outcome, request: RequestKey | None) -> StoredRows:
        def reveal(tx: Tx) -> StoredRows | None:
            stored = revealing.reveal(tx, self._staged, self._row_count, outcome, request)
            if stored is not None and self._new_addresses:
                revealing.refuse_called_meanwhile(tx, self._staged, self._new_addresses)
            return stored

        stored = await self._db.write(reveal)
        if stored is not None:
            self._is_revealed = True
            return await self._with_replaced_ended(stored) if self._staged.replaces else stored
        assert request is not None, "only a request with an id has a twin"
        return await self.earlier(request)

    async def _with_replaced_ended(self, stored: StoredRows) -> StoredRows:
        """Should this break off, the settler goes on."""
        key = self._staged.batch_key
        while await self._db.write(lambda tx: replacing.end_replaced(tx, key, ERASE_ROWS)):
            pass
        batch = await self._db.read(lambda tx: batch_from(batch_by_key(tx, key)))
        return replace(stored, batch=batch)

    async def refuse(self, counts: ImportCounts) -> Import:
        return await self._db.write(lambda tx: revealing.refuse_import(tx, self._staged, counts))

    async def earlier(self, request: RequestKey) -> StoredRows:
        stored = await self._db.read(
            lambda tx: revealing.earlier_reveal(tx, self._staged.account_id, request)
        )
        if stored is None:
            raise ConflictError(
                Reason.BATCH_CHANGED, "the answer to this request_id was just forgotten"
            )
        return stored

    async def erase(self) -> None:
        """Whatever of it was not revealed."""
        if not self._staged.is_repeated and not self._is_revealed:
            await erase_in_groups(
                self._db, lambda tx: staging.erase_staged(tx, self._staged, ERASE_ROWS)
            )


async def erase_in_groups(database: Database, erase_some: Callable[[Tx], int]) -> int:
    """Repeats a verb that erases up to `ERASE_ROWS`, until there are fewer; returns how many
    there were."""
    erased = 0
    while True:
        just_now = await database.write(erase_some)
        erased += just_now
        if just_now < ERASE_ROWS:
            return erased


class SqlRehearsal(SqlStaging):
    """Staging of which nothing is stored: `begin` and the reveal are one transaction, which is
    rolled back."""

    def __init__(
        self, database: Database, begin: Callable[[Tx], staging.Staged], staged: staging.Staged
    ) -> None:
        super().__init__(database, staged)
        self._begin = begin
        self._has_other_zones = False

    @override
    async def stage(
        self, rows: Sequence[NewScheduledCall], findings: Sequence[Finding] = ()
    ) -> None:
        self._row_count += len(rows)
        self._has_other_zones |= any(row.time_zone for row in rows)
        await asyncio.sleep(0)

    @override
    async def reveal(self, outcome: Outcome, request: RequestKey | None) -> StoredRows:
        return await rehearse(self._db, lambda tx: self._reveal(tx, outcome))

    def _reveal(self, tx: Tx, outcome: Outcome) -> StoredRows:
        staged = replace(self._begin(tx), is_rehearsed=True)
        if self._has_other_zones:
            staging.note_other_zones(tx, staged)
        return _revealed_with_estimate(tx, staged, self._row_count, outcome)


def _revealed_with_estimate(
    tx: Tx, staged: staging.Staged, count: int, outcome: Outcome
) -> StoredRows:
    stored = revealing.reveal(tx, staged, count, outcome, None)
    assert stored is not None, "only a request with an id has a twin"
    if stored.estimate is not None:
        return stored
    return replace(stored, estimate=estimate_window(tx, batch_by_key(tx, staged.batch_key)))


class SqlIntake:
    """IntakeStore."""

    def __init__(self, database: Database) -> None:
        self._db = database
        # Lists for one batch take turns: staged rows lie where the next ones would.
        self._appending: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def new_batch(
        self, new: NewBatch, request: RequestName | None, import_id: ImportId | None = None
    ) -> AsyncIterator[SqlStaging]:
        staged = await self._db.write(lambda tx: staging.stage_batch(tx, new, request, import_id))
        async with self._until_revealed(staged) as under_way:
            yield under_way

    @asynccontextmanager
    async def append(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        request: RequestName | None,
        import_id: ImportId | None = None,
        *,
        replaces: bool = False,
    ) -> AsyncIterator[SqlStaging]:
        packed = id_or_not_found(batch_id, Reason.BATCH_NOT_FOUND, "batch")
        turn = self._appending.setdefault(packed, asyncio.Lock())
        async with turn:
            staged = await self._stage_append(
                account_id, batch_id, request, import_id, replaces=replaces
            )
            async with self._until_revealed(staged) as under_way:
                yield under_way

    @asynccontextmanager
    async def rehearse_batch(self, new: NewBatch) -> AsyncIterator[SqlRehearsal]:
        def begin(tx: Tx) -> staging.Staged:
            return staging.stage_batch(tx, new, None, None)

        yield SqlRehearsal(self._db, begin, await rehearse(self._db, begin))

    @asynccontextmanager
    async def rehearse_append(
        self, account_id: AccountId, batch_id: BatchId, *, replaces: bool = False
    ) -> AsyncIterator[SqlRehearsal]:
        def begin(tx: Tx) -> staging.Staged:
            return staging.stage_append(tx, account_id, batch_id, None, None, replaces=replaces)

        packed = id_or_not_found(batch_id, Reason.BATCH_NOT_FOUND, "batch")
        async with self._appending.setdefault(packed, asyncio.Lock()):
            yield SqlRehearsal(self._db, begin, await rehearse(self._db, begin))

    async def estimate_window(self, new: NewBatch, people: int) -> WindowEstimate:
        def verb(tx: Tx) -> WindowEstimate | None:
            staged = staging.stage_batch(tx, new, None, None)
            return _revealed_with_estimate(tx, staged, people, Outcome()).estimate

        found = await rehearse(self._db, verb)
        assert found is not None, "a rehearsal always has one"
        return found

    async def _stage_append(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        request: RequestName | None,
        import_id: ImportId | None,
        *,
        replaces: bool,
    ) -> staging.Staged:
        await erase_in_groups(
            self._db, lambda tx: staging.clear_the_way(tx, account_id, batch_id, ERASE_ROWS)
        )
        return await self._db.write(
            lambda tx: staging.stage_append(
                tx, account_id, batch_id, request, import_id, replaces=replaces
            )
        )

    @asynccontextmanager
    async def _until_revealed(self, staged: staging.Staged) -> AsyncIterator[SqlStaging]:
        under_way = SqlStaging(self._db, staged)
        try:
            yield under_way
        finally:
            await under_way.erase()


class SqlImports:
    """ImportStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get_import(self, account_id: AccountId, import_id: ImportId) -> Import:
        return await self._db.read(lambda tx: imports.get_import(tx, account_id, import_id))

    async def list_findings(
        self, account_id: AccountId, import_id: ImportId, page: PageRequest
    ) -> Page[Finding]:
        return await self._db.read(
            lambda tx: imports.list_findings(tx, account_id, import_id, page)
        )
