"""Stores for tests: opened on either database, filled and driven in few words."""

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.commands.rows import SLICE_ROWS, take_in
from outdial_server.domain import batch_rules as rules
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch import Batch
from outdial_server.domain.batch_policies import ConfigErrorPolicy, DuplicatePolicy, UnknownPolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.direct_call import DIRECT_PRIORITY
from outdial_server.domain.event import Event
from outdial_server.domain.external_call import ExternalCall, ExternalReport
from outdial_server.domain.ids import AccountId, AgentId, BatchId, CallId
from outdial_server.domain.intake import CheckedRows, ListTally
from outdial_server.domain.medium import Medium
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.domain.request import RequestKey, RequestName, request_key
from outdial_server.domain.retry import retry_selection
from outdial_server.domain.scheduled_call import (
    NewScheduledCall,
    ScheduledCall,
    ScheduledCallState,
)
from outdial_server.domain.time_zones import ZoneRule
from outdial_server.ports.batches import Decide
from outdial_server.ports.direct_calls import MadeCall, NewDirectCall
from outdial_server.ports.dispatch import Applied, ClaimedCall, Sent
from outdial_server.ports.intake import NewBatch, Outcome, Staging, StoredRows
from outdial_server.ports.retries import RetryOrder
from outdial_server.storage.encoding import pack_id
from outdial_server.storage.store import Store
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import staging
from outdial_server.storage.verbs.erasing import erase_events
from outdial_server.storage.verbs.revealing import reveal
from support.clock import ManualClock

NO_ID = "00000000-0000-7000-8000-000000000000"
MANY = 1000


def number(n: int) -> str:
    return f"+1555{n:07d}"


def new_row(n: int, **values: Any) -> NewScheduledCall:
    address = values.pop("address", number(n))
    return NewScheduledCall(address, values.pop("normalized_address", address), **values)


def new_rows(count_of_rows: int, first: int = 0, **values: Any) -> list[NewScheduledCall]:
    return [new_row(n, **values) for n in range(first, first + count_of_rows)]


@dataclass(slots=True)
class World:
    """A store with one account and one agent, and the clock that it lives by."""

    store: Store
    clock: ManualClock
    ids: UuidV7Ids
    account_id: AccountId
    agent_id: AgentId

    async def new_account(
        self, max_concurrent_calls: int = 100, reserved_slots: int = 0
    ) -> AccountId:
        account_id = AccountId(self.ids.new_id())
        await self.store.accounts.create_account(
            account_id, "Harbour Clinic", max_concurrent_calls, reserved_slots
        )
        return account_id

    async def new_agent(
        self,
        name: str,
        max_concurrent_calls: int | None = None,
        account_id: AccountId | None = None,
    ) -> AgentId:
        agent_id = AgentId(self.ids.new_id())
        await self.store.agents.create_agent(
            account_id or self.account_id, agent_id, AgentFields(name, max_concurrent_calls, {})
        )
        return agent_id

    # --- batches

    def new_batch(
        self,
        *,
        draft: bool = False,
        duplicates: DuplicatePolicy = DuplicatePolicy.KEEP,
        agent_id: AgentId | None = None,
        account_id: AccountId | None = None,
        zone_rule: ZoneRule = ZoneRule.BATCH_ZONE,
        carrier: str = "simulated",
        terms: CarrierTerms = NO_TERMS,
        medium: Medium = Medium.OUTGOING,
        **settings: Any,
    ) -> NewBatch:
        return NewBatch(
            BatchId(self.ids.new_id()),
            account_id or self.account_id,
            agent_id or self.agent_id,
            carrier,
            duplicates,
            BatchSettings(settings.pop("display_name", "Reminders"), **settings),
            draft,
            zone_rule,
            terms=terms,
            medium=medium,
        )

    async def create(
        self,
        rows: int | Iterable[NewScheduledCall] = 1,
        request: RequestKey | None = None,
        **values: Any,
    ) -> StoredRows:
        listed = new_rows(rows) if isinstance(rows, int) else rows
        new = self.new_batch(**values)
        async with self.store.intake.new_batch(new, name_in(request)) as staging:
            return await bring_in(staging, listed, request)

    async def batch(self, rows: int | Iterable[NewScheduledCall] = 1, **values: Any) -> BatchId:
        return (await self.create(rows, **values)).batch.batch_id

    async def add(
        self,
        batch_id: BatchId,
        rows: int | Iterable[NewScheduledCall],
        request: RequestKey | None = None,
        first: int = 5_000,
        *,
        replaces: bool = False,
    ) -> StoredRows:
        listed = new_rows(rows, first) if isinstance(rows, int) else rows
        name = name_in(request)
        async with self.store.intake.append(
            self.account_id, batch_id, name, replaces=replaces
        ) as staging:
            return await bring_in(staging, listed, request)

    async def replace_and_leave(self, batch_id: BatchId, rows: list[NewScheduledCall]) -> None:
        """A list that takes the place of those who wait, of a server that is gone in the moment
        behind that change."""

        def show(tx: Tx) -> None:
            staged = staging.stage_append(tx, self.account_id, batch_id, None, None, replaces=True)
            staging.stage_rows(tx, staged, 0, rows)
            reveal(tx, staged, len(rows), Outcome(), None)

        await self.store.database.write(show)

    def request(self, request_id: str, content: bytes = b"", surface: str = "Create") -> RequestKey:
        key = request_key(self.account_id, surface, request_id, content)
        assert key is not None
        return key

    async def get(self, batch_id: BatchId) -> Batch:
        return await self.store.batches.get_batch(self.account_id, batch_id)

    async def look(self, batch_id: BatchId) -> Batch:
        """As `get`, deleted batches too."""
        return (await self.store.events.rows(batch_id, -1, 1)).batch

    async def change(self, batch_id: BatchId, decide: Decide) -> Batch:
        return await self.store.batches.change_batch(self.account_id, batch_id, decide)

    async def edit(self, batch_id: BatchId, **values: Any) -> Batch:
        return await self.change(batch_id, edit_of(**values))

    async def rows(self, batch_id: BatchId) -> list[ScheduledCall]:
        """All rows, of deleted batches too."""
        rows: list[ScheduledCall] = []
        while True:
            after = rows[-1].position if rows else -1
            page = await self.store.events.rows(batch_id, after, MANY)
            rows += page.rows
            if len(page.rows) < MANY:
                return rows

    async def row(self, batch_id: BatchId, position: int = 0) -> ScheduledCall:
        return (await self.store.events.rows(batch_id, position - 1, 1)).rows[0]

    async def erase_events(self, batch_id: BatchId, before: int) -> int:
        """Erases the log up to an event, which retention does from its beginning on."""

        def verb(tx: Tx) -> int:
            (batch,) = tx.all(
                "SELECT key, oldest_seq, event_seq FROM batches WHERE id = :id",
                id=pack_id(batch_id),
            )
            return erase_events(tx, batch, before - batch.oldest_seq)

        return await self.store.database.write(verb)

    async def events(self, batch_id: BatchId, after: int = 0) -> list[Event]:
        return list((await self.store.events.read(batch_id, after, 100_000)).events)

    # --- direct calls

    def new_direct_call(
        self,
        row: NewScheduledCall | None = None,
        *,
        wait_until: datetime | None = None,
        **values: Any,
    ) -> NewDirectCall:
        settings = {"priority": DIRECT_PRIORITY, "on_config_error": ConfigErrorPolicy.FAIL}
        batch = self.new_batch(display_name="", **(settings | values))
        direct = replace(batch, is_direct=True)
        return NewDirectCall(CallId(self.ids.new_id()), direct, row or new_row(1), wait_until)

    async def direct(
        self,
        row: NewScheduledCall | None = None,
        request: RequestKey | None = None,
        **values: Any,
    ) -> MadeCall:
        new = self.new_direct_call(row, **values)
        return await self.store.direct_calls.create_direct_call(new, request)

    # --- external calls

    async def report(
        self,
        external_id: str,
        agent_id: AgentId | None = None,
        carrier_config: str = "",
        ttl_seconds: int = 600,
    ) -> ExternalCall:
        ttl = timedelta(seconds=ttl_seconds)
        told = ExternalReport(external_id, agent_id, carrier_config, ttl)
        return await self.store.external_calls.report_external_call(self.account_id, told)

    async def hang_up(self, external_id: str) -> bool:
        return await self.store.external_calls.end_external_call(self.account_id, external_id)

    # --- calls

    async def claim(self, limit: int = MANY) -> list[ClaimedCall]:
        return list((await self.store.dispatch.claim(limit)).calls)

    async def send(self, calls: Sequence[ClaimedCall]) -> Sent:
        return await self.store.dispatch.mark_sending(lambda: calls)

    async def sending(self, limit: int = MANY) -> list[ClaimedCall]:
        """Claims and sends."""
        calls = await self.claim(limit)
        sent = await self.send(calls)
        assert list(sent.calls) == calls
        return calls

    async def live(self, limit: int = MANY) -> list[ClaimedCall]:
        """Claims, sends, and has the carrier accept."""
        calls = await self.sending(limit)
        await self.apply(*(accepted(call) for call in calls))
        return calls

    async def apply(self, *reports: CallReport) -> Applied:
        return await self.store.dispatch.apply_reports(lambda: reports)

    async def call_state(self, call: ClaimedCall) -> CallState:
        return (await self.store.calls.get_call(call.account_id, call.call_id)).state

    async def retry(
        self,
        batch_id: BatchId,
        *states: ScheduledCallState,
        dispositions: Collection[Disposition] = (),
        window_end: datetime | None = None,
        request: RequestKey | None = None,
        group: int = 2,
    ) -> int:
        """How many rows wait again."""
        selection = retry_selection(states, tuple(dispositions))
        order = RetryOrder(self.account_id, batch_id, selection, window_end)
        retries = self.store.retries
        ended_by = await retries.begin_retry(order, request)
        count, position = 0, 0
        while True:
            moved = await retries.retry_rows(order, ended_by, position, group)
            assert moved.count <= group
            count += moved.count
            if moved.next_position is None:
                return count
            position = moved.next_position

    async def used(self) -> tuple[int, int]:
        """Slots in use: of the account, of the agent."""
        account = await self.store.accounts.get_account(self.account_id)
        agent = await self.store.agents.get_agent(self.account_id, self.agent_id)
        return account.active_calls, agent.active_calls

    async def settle_all(self, limit: int = 500) -> None:
        for _ in range(10_000):
            if not await self.store.dispatch.settle(limit):
                return
        raise AssertionError("settling never comes to an end")

    def later(self, **delta: float) -> datetime:
        return self.clock.now() + timedelta(**delta)

    def advance(self, **delta: float) -> None:
        self.clock.advance(timedelta(**delta))

    async def sql(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Reads what no port shows."""
        rows = await self.store.database.read(lambda tx: tx.all(statement, **parameters))
        return [tuple(row) for row in rows]

    async def execute(self, statement: str, **parameters: Any) -> None:
        """Plants what no port would write."""
        await self.store.database.write(lambda tx: tx.run(statement, **parameters))


async def settled(
    store: Store,
    clock: ManualClock,
    ids: UuidV7Ids,
    max_concurrent_calls: int = 100,
    reserved_slots: int = 0,
) -> World:
    """A world with its account and agent made."""
    world = World(store, clock, ids, AccountId(""), AgentId(""))
    world.account_id = await world.new_account(max_concurrent_calls, reserved_slots)
    world.agent_id = await world.new_agent("Ada")
    return world


def name_in(request: RequestKey | None) -> RequestName | None:
    if request is None:
        return None
    return RequestName(request.account_id, request.surface, request.request_id)


async def slices_of(
    rows: Iterable[NewScheduledCall],
) -> AsyncGenerator[CheckedRows[NewScheduledCall], None]:
    numbered = enumerate(rows)
    while piece := list(islice(numbered, SLICE_ROWS)):
        yield CheckedRows(len(piece), piece, ())


async def bring_in(
    staging: Staging, rows: Iterable[NewScheduledCall], request: RequestKey | None = None
) -> StoredRows:
    """As commands do it, with rows that are good."""
    if staging.is_repeated:
        assert request is not None
        return await staging.earlier(request)
    tally = ListTally(staging.duplicates)
    await take_in(staging, slices_of(rows), tally)
    tally.raise_if_refused()
    return await staging.reveal(Outcome(tally.skipped, tally.duplicate_count), request)


def edit_of(**values: Any) -> Decide:
    return lambda batch, now: rules.edit(batch, replace(batch.settings, **values), now)


_carrier_ids = count(1)


def accepted(call: ClaimedCall, carrier_call_id: str = "") -> CallReport:
    carrier_call_id = carrier_call_id or f"carrier-{next(_carrier_ids)}"
    return CallReport(call.call_id, ReportKind.ACCEPTED, carrier_call_id, fence=call.fence)


def report(
    call: ClaimedCall | CallId, kind: ReportKind, *, fence: int | None = None, **values: Any
) -> CallReport:
    """Evidence from the carrier: no fence."""
    call_id = call.call_id if isinstance(call, ClaimedCall) else call
    return CallReport(call_id, kind, fence=fence, **values)


def ringing(call: ClaimedCall) -> CallReport:
    return report(call, ReportKind.RINGING)


def answered(call: ClaimedCall) -> CallReport:
    return report(call, ReportKind.ANSWERED)


def ended(call: ClaimedCall, disposition: Disposition | None = None) -> CallReport:
    return report(call, ReportKind.ENDED, disposition=disposition)


def not_sent(call: ClaimedCall, retry_after: timedelta | None = None) -> CallReport:
    return report(
        call, ReportKind.NOT_SENT, fence=call.fence, reason="RATE", retry_after=retry_after
    )


def refused(
    call: ClaimedCall,
    fault: Fault = Fault.CALL,
    disposition: Disposition = Disposition.INVALID_NUMBER,
) -> CallReport:
    return report(
        call,
        ReportKind.REFUSED,
        fence=call.fence,
        reason="NO_SUCH_NUMBER" if fault is Fault.CALL else "BAD_CREDENTIALS",
        fault=fault,
        disposition=disposition,
    )


def unclear(call: ClaimedCall) -> CallReport:
    return report(call, ReportKind.UNCLEAR, fence=call.fence, reason="DEADLINE")


async def all_pages(read: Callable[[PageRequest], Any], size: int = 2) -> tuple[list[Any], int]:
    """Everything in a list, read to its end, and in how many pages."""
    items: list[Any] = []
    token, pages = "", 0
    while True:
        page: Page[Any] = await read(PageRequest(size, token))
        assert len(page.items) <= size
        items += page.items
        pages += 1
        token = page.next_token
        if not token:
            return items, pages


def ids_of(calls: Collection[ClaimedCall]) -> list[CallId]:
    return [call.call_id for call in calls]


def addresses(calls: Collection[ClaimedCall]) -> list[str]:
    return [call.address for call in calls]


AT_MOST_ONCE = UnknownPolicy.AT_MOST_ONCE
RETRY = UnknownPolicy.RECONCILED_RETRY
HOLD = UnknownPolicy.HOLD
FAIL = ConfigErrorPolicy.FAIL
