"""Batches and calls in memory, as far as commands look at them."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.call import Call
from outdial_server.domain.carrier_params import DialledThrough
from outdial_server.domain.errors import NotFoundError, Reason
from outdial_server.domain.ids import (
    AccountId,
    AgentId,
    BatchId,
    CallId,
    ImportId,
    ScheduledCallId,
)
from outdial_server.domain.imports import Finding, Import, ImportCounts, ImportState
from outdial_server.domain.medium import ANY_MEDIUM
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey, RequestName
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.time_zones import ZoneRule
from outdial_server.domain.window_estimate import WindowEstimate
from outdial_server.ports.batches import Decide
from outdial_server.ports.clock import Clock
from outdial_server.ports.intake import NewBatch, Outcome, StoredRows
from outdial_server.ports.signals import Signals
from support.clock import START
from support.dispatch import MemoryDispatch
from support.domain import ACCOUNT, AGENT, BATCH, a_batch


class MemoryBatches:
    """Every change is published, as after a commit."""

    def __init__(self, clock: Clock, signals: Signals, *batches: Batch) -> None:
        self._clock = clock
        self._signals = signals
        self._batches = {batch.batch_id: batch for batch in batches}
        self._sends: dict[BatchId, int] = {}

    def set_sends(self, batch_id: BatchId, sends: int) -> None:
        self._sends[batch_id] = sends
        self._signals.publish([batch_id])

    async def get_batch(self, account_id: AccountId, batch_id: BatchId) -> Batch:
        return self._find(account_id, batch_id)

    async def list_batches(
        self,
        account_id: AccountId,
        page: PageRequest,
        states: Collection[BatchState] = (),
        agent_id: AgentId | None = None,
    ) -> Page[Batch]:
        found = [b for b in self._batches.values() if b.account_id == account_id]
        return Page([b for b in found if not states or b.state in states][: page.size], "")

    async def change_batch(self, account_id: AccountId, batch_id: BatchId, decide: Decide) -> Batch:
        batch = self._find(account_id, batch_id)
        change = decide(batch, self._clock.now())
        if change is not None:
            batch = change.batch
            self._keep(batch)
        return batch

    async def rehearse_change(
        self, account_id: AccountId, batch_id: BatchId, decide: Decide
    ) -> Batch:
        batch = self._find(account_id, batch_id)
        change = decide(batch, self._clock.now())
        return batch if change is None else change.batch

    async def sends_in_flight(self, batch_id: BatchId) -> int:
        return self._sends.get(batch_id, 0)

    def _keep(self, batch: Batch) -> None:
        self._batches[batch.batch_id] = batch
        self._signals.publish([batch.batch_id])

    def _find(self, account_id: AccountId, batch_id: BatchId) -> Batch:
        batch = self._batches.get(batch_id)
        if batch is None or batch.account_id != account_id or batch.deleted_at is not None:
            raise NotFoundError(Reason.BATCH_NOT_FOUND, f"there is no batch {batch_id}")
        return batch


class MemoryStaging:
    """A list under way, in memory."""

    is_repeated = False
    zone_rule = ZoneRule.BATCH_ZONE
    begun_at = START
    agent = AgentFields("Ada")
    through = DialledThrough("simulated")
    media = ANY_MEDIUM

    def __init__(self, duplicates: DuplicatePolicy, there: Sequence[NewScheduledCall]) -> None:
        self.duplicates = duplicates
        self.first_position = len(there)
        self._there = {row.normalized_address: at for at, row in enumerate(there)}
        self.rows: list[NewScheduledCall] = []
        self.findings: list[Finding] = []
        self.refused: ImportCounts | None = None
        self.outcome: Outcome | None = None
        self._batch = a_batch()

    async def already_there(self, addresses: Collection[str]) -> AsyncIterator[Mapping[str, int]]:
        yield self._there

    async def stage(
        self, rows: Sequence[NewScheduledCall], findings: Sequence[Finding] = ()
    ) -> None:
        self.rows += rows
        self.findings += findings
        await asyncio.sleep(0)

    async def reveal(self, outcome: Outcome, request: RequestKey | None) -> StoredRows:
        self.outcome = outcome
        return StoredRows(self._batch, tuple(outcome.skipped), outcome.duplicate_count)

    async def refuse(self, counts: ImportCounts) -> Import:
        self.refused = counts
        return Import(ImportId("import"), None, ImportState.REFUSED, counts, START)

    async def earlier(self, request: RequestKey) -> StoredRows:
        raise AssertionError("nothing was carried out before")


class MemoryIntake:
    """One list at a time: the latest one is there to be looked at."""

    def __init__(self, *there: NewScheduledCall) -> None:
        self._there = there
        self.duplicates = DuplicatePolicy.KEEP
        self.new: NewBatch | None = None
        self.latest = MemoryStaging(DuplicatePolicy.KEEP, ())

    @asynccontextmanager
    async def new_batch(
        self, new: NewBatch, request: RequestName | None, import_id: ImportId | None = None
    ) -> AsyncIterator[MemoryStaging]:
        self.new = new
        self.latest = MemoryStaging(new.duplicates, ())
        yield self.latest

    @asynccontextmanager
    async def append(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        request: RequestName | None,
        import_id: ImportId | None = None,
        *,
        replaces: bool = False,
    ) -> AsyncIterator[MemoryStaging]:
        self.latest = MemoryStaging(self.duplicates, self._there)
        yield self.latest

    @asynccontextmanager
    async def rehearse_batch(self, new: NewBatch) -> AsyncIterator[MemoryStaging]:
        self.latest = MemoryStaging(new.duplicates, ())
        yield self.latest

    @asynccontextmanager
    async def rehearse_append(
        self, account_id: AccountId, batch_id: BatchId, *, replaces: bool = False
    ) -> AsyncIterator[MemoryStaging]:
        self.latest = MemoryStaging(self.duplicates, self._there)
        yield self.latest

    async def estimate_window(self, new: NewBatch, people: int) -> WindowEstimate:
        raise AssertionError("estimates are of the real store's tests")


class DispatchedCalls:
    """The calls of a `MemoryDispatch`, as the account that owns them sees them. Only
    single calls are looked at by commands; lists belong to the real store's tests."""

    def __init__(self, dispatch: MemoryDispatch) -> None:
        self._dispatch = dispatch
        self.called_off: list[CallId] = []

    async def cancel_direct_call(self, account_id: AccountId, call_id: CallId) -> Call:
        self.called_off.append(call_id)
        return await self.get_call(account_id, call_id)

    async def get_call(self, account_id: AccountId, call_id: CallId) -> Call:
        facts = self._dispatch.calls.get(call_id)
        if facts is None or account_id != ACCOUNT:
            raise NotFoundError(Reason.CALL_NOT_FOUND, f"there is no call {call_id}")
        return Call(
            call_id=call_id,
            batch_id=BATCH,
            scheduled_call_id=ScheduledCallId("row"),
            agent_id=AGENT,
            attempt_number=1,
            state=facts.state,
            disposition=None,
            reason="",
            address="+15550000001",
            caller_id="",
            carrier="simulated",
            carrier_call_id=facts.carrier_call_id,
            sent_at=None,
            accepted_at=None,
            ringing_at=None,
            answered_at=None,
            ended_at=None,
        )
