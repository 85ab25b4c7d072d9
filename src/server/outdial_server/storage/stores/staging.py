"""Staging over a database: a list that comes in, and one that is rehearsed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Final

from typing_extensions import override

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.carrier_params import DialledThrough
from outdial_server.domain.errors import ConflictError, Reason
from outdial_server.domain.imports import Finding, Import, ImportCounts
from outdial_server.domain.medium import MediumRule
from outdial_server.domain.request import RequestKey
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.time_zones import ZoneRule
from outdial_server.ports.intake import Outcome, RowConfig, StoredRows
from outdial_server.storage.database import Database
from outdial_server.storage.statements import ConstraintError
from outdial_server.storage.stores.erasing_groups import ERASE_ROWS, erase_in_groups
from outdial_server.storage.stores.rehearsal import rehearse
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import broken_lists, replacing, revealing, staging
from outdial_server.storage.verbs.addresses import all_positions, first_positions
from outdial_server.storage.verbs.batch_rows import batch_by_key, batch_from
from outdial_server.storage.verbs.row_configs import find_row_configs
from outdial_server.storage.verbs.window_checks import estimate_window

_ASKED_FOR_MOST: Final = 2_000
"""Up to here a list asks for its own addresses, each time over all of the batch. A longer
one is told all that the batch has, once."""

_SEARCH_ROWS: Final = 20_000
_TELL_ROWS: Final = 2_000
"""Rows in one read: a few ms of a reader, or of the event loop."""


class SqlStaging:
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
        # In which its people may be called; an empty text is that of the batch.
        self._zones: set[str] = set()

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
        self._note_zones(rows)
        if self._staged.replaces and self.duplicates is not DuplicatePolicy.KEEP:
            self._new_addresses.update(row.normalized_address for row in rows)

    def _note_zones(self, rows: Sequence[NewScheduledCall]) -> None:
        self._zones.update({row.time_zone or row.number_zone for row in rows})

    async def reveal(self, outcome: Outcome, request: RequestKey | None) -> StoredRows:
        def reveal(tx: Tx) -> StoredRows | None:
            stored = revealing.reveal(
                tx, self._staged, self._row_count, outcome, request, self._zones
            )
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
                self._db, lambda tx: broken_lists.erase_staged(tx, self._staged, ERASE_ROWS)
            )


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
        self._note_zones(rows)
        await asyncio.sleep(0)

    @override
    async def reveal(self, outcome: Outcome, request: RequestKey | None) -> StoredRows:
        return await rehearse(self._db, lambda tx: self._reveal(tx, outcome))

    def _reveal(self, tx: Tx, outcome: Outcome) -> StoredRows:
        staged = replace(self._begin(tx), is_rehearsed=True)
        if self._has_other_zones:
            staging.note_other_zones(tx, staged)
        return revealed_with_estimate(tx, staged, self._row_count, outcome, self._zones)


def revealed_with_estimate(
    tx: Tx,
    staged: staging.Staged,
    count: int,
    outcome: Outcome,
    zones: AbstractSet[str] = frozenset(),
) -> StoredRows:
    stored = revealing.reveal(tx, staged, count, outcome, None, zones)
    assert stored is not None, "only a request with an id has a twin"
    if stored.estimate is not None:
        return stored
    return replace(stored, estimate=estimate_window(tx, batch_by_key(tx, staged.batch_key)))
