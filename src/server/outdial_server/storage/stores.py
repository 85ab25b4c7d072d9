"""The store's ports over a database: each method one verb, one transaction."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from outdial_server.domain.account import Account, ApiKey
from outdial_server.domain.agent import Agent, AgentFields
from outdial_server.domain.batch import STARTED_STATES, Batch, BatchChange, BatchState
from outdial_server.domain.call import ANY_CALL, Call, CallFilter
from outdial_server.domain.call_event import CallEvent
from outdial_server.domain.errors import OutdialError, Reason
from outdial_server.domain.explanation import BatchStanding, RowStanding
from outdial_server.domain.forecast.question import Question
from outdial_server.domain.ids import (
    AccountId,
    AgentId,
    ApiKeyId,
    BatchId,
    CallId,
    ScheduledCallId,
)
from outdial_server.domain.number_rules import NO_NUMBER_RULES, NumberRules
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.report import CallReport
from outdial_server.domain.request import RequestKey
from outdial_server.domain.retention import Retention
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)
from outdial_server.domain.silence import LEASE
from outdial_server.domain.told_call import ToldCall
from outdial_server.ports.batches import Decide, ResultPage
from outdial_server.ports.dispatch import (
    Applied,
    CallAfterEvent,
    ClaimedCall,
    Claims,
    ExternalsFreed,
    LedgerFault,
    Reaped,
    Sent,
    SilentCalls,
    WindowsMoved,
)
from outdial_server.ports.erasure import ForgottenSome, Place, Subject
from outdial_server.ports.events import EventSlice, RowSlice
from outdial_server.ports.figures import Figures
from outdial_server.ports.retention import Swept
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry
from outdial_server.storage.database import Database
from outdial_server.storage.encoding import not_found, pack_id
from outdial_server.storage.intake import ERASE_ROWS, erase_in_groups
from outdial_server.storage.rehearsal import rehearse
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import (
    accounts,
    agents,
    call_events,
    call_reading,
    cancelling,
    claiming,
    erasing,
    event_reading,
    explaining,
    exporting,
    external_calls,
    figures,
    forecasting,
    forgetting,
    reading,
    reporting,
    sending,
    staging,
    upkeep,
)
from outdial_server.storage.verbs.batch_rows import (
    apply_decision,
    batch_by_key,
    batch_from,
    find_batch,
)
from outdial_server.storage.verbs.call_deleting import delete_call
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.daily_counts import (
    CountedDials,
    DialsUncountedError,
    count_dials,
)
from outdial_server.storage.verbs.ledger import lock_slots, scopes_of_batch
from outdial_server.storage.verbs.number_checks import refuse_without_number
from outdial_server.storage.verbs.told_calls import read_told_calls
from outdial_server.storage.verbs.window_checks import check_window

log = structlog.get_logger()


class SqlAccounts:
    """AccountStore and KeyStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_account(
        self,
        account_id: AccountId,
        display_name: str,
        max_concurrent_calls: int,
        reserved_slots: int,
        request: RequestKey | None = None,
        number_rules: NumberRules = NO_NUMBER_RULES,
    ) -> Account:
        return await self._db.write(
            lambda tx: accounts.create_account(
                tx,
                account_id,
                display_name,
                max_concurrent_calls,
                reserved_slots,
                request,
                number_rules,
            )
        )

    async def first_account(
        self, account_id: AccountId, display_name: str, max_concurrent_calls: int
    ) -> Account:
        return await self._db.write(
            lambda tx: accounts.first_account(tx, account_id, display_name, max_concurrent_calls)
        )

    async def get_account(self, account_id: AccountId) -> Account:
        return await self._db.read(lambda tx: accounts.get_account(tx, account_id))

    async def list_accounts(self, page: PageRequest) -> Page[Account]:
        return await self._db.read(lambda tx: accounts.list_accounts(tx, page))

    async def change_account(
        self, account_id: AccountId, decide: Callable[[Account], Account]
    ) -> Account:
        return await self._db.write(lambda tx: accounts.change_account(tx, account_id, decide))

    async def create_key(self, key: ApiKey, secret_hash: bytes) -> ApiKey:
        return await self._db.write(lambda tx: accounts.create_key(tx, key, secret_hash))

    async def put_key(self, key: ApiKey, secret_hash: bytes) -> None:
        await self._db.write(lambda tx: accounts.put_key(tx, key, secret_hash))

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        return await self._db.read_first(lambda tx: accounts.find_key(tx, secret_hash))

    async def list_keys(self, account_id: AccountId, page: PageRequest) -> Page[ApiKey]:
        return await self._db.read(lambda tx: accounts.list_keys(tx, account_id, page))

    async def revoke_key(self, account_id: AccountId | None, key_id: ApiKeyId) -> ApiKey:
        return await self._db.write(lambda tx: accounts.revoke_key(tx, account_id, key_id))

    async def has_keys(self) -> bool:
        return await self._db.read(accounts.has_keys)


class SqlAgents:
    """AgentStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_agent(
        self,
        account_id: AccountId,
        agent_id: AgentId,
        fields: AgentFields,
        request: RequestKey | None = None,
    ) -> Agent:
        return await self._db.write(
            lambda tx: agents.create_agent(tx, account_id, agent_id, fields, request)
        )

    async def get_agent(self, account_id: AccountId, agent_id: AgentId) -> Agent:
        return await self._db.read(lambda tx: agents.get_agent(tx, account_id, agent_id))

    async def list_agents(
        self, account_id: AccountId, page: PageRequest, display_name: str = ""
    ) -> Page[Agent]:
        return await self._db.read(
            lambda tx: agents.list_agents(tx, account_id, page, display_name)
        )

    async def change_agent(
        self, account_id: AccountId, agent_id: AgentId, decide: Callable[[Agent], AgentFields]
    ) -> Agent:
        return await self._db.write(
            lambda tx: agents.change_agent(tx, account_id, agent_id, decide)
        )

    async def delete_agent(self, account_id: AccountId, agent_id: AgentId) -> None:
        await self._db.write(lambda tx: agents.delete_agent(tx, account_id, agent_id))


class SqlBatches:
    """BatchStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get_batch(self, account_id: AccountId, batch_id: BatchId) -> Batch:
        return await self._db.read(lambda tx: batch_from(find_batch(tx, account_id, batch_id)))

    async def list_batches(
        self,
        account_id: AccountId,
        page: PageRequest,
        states: Collection[BatchState] = (),
        agent_id: AgentId | None = None,
    ) -> Page[Batch]:
        return await self._db.read(
            lambda tx: reading.list_batches(tx, account_id, page, states, agent_id)
        )

    async def change_batch(self, account_id: AccountId, batch_id: BatchId, decide: Decide) -> Batch:
        return await self._with_count(
            lambda counted: self._db.write(
                lambda tx: self._change(tx, account_id, batch_id, decide, counted)
            )
        )

    async def rehearse_change(
        self, account_id: AccountId, batch_id: BatchId, decide: Decide
    ) -> Batch:
        return await self._with_count(
            lambda counted: rehearse(
                self._db, lambda tx: self._change(tx, account_id, batch_id, decide, counted)
            )
        )

    async def _with_count(self, change: Callable[[CountedDials | None], Awaitable[Batch]]) -> Batch:
        """Few changes need the dials of the day. One that does is begun again with them, and
        once more should the day end in between."""
        counted: CountedDials | None = None
        while True:
            try:
                return await change(counted)
            except DialsUncountedError as uncounted:
                key, zone = uncounted.batch_key, uncounted.zone
            counted = await self._count_dials(key, zone)

    async def _count_dials(self, batch_key: int, zone: str) -> CountedDials:
        return await self._db.read(lambda tx: count_dials(tx, batch_key, zone))

    @staticmethod
    def _change(
        tx: Tx,
        account_id: AccountId,
        batch_id: BatchId,
        decide: Decide,
        counted: CountedDials | None,
    ) -> Batch:
        row = find_batch(tx, account_id, batch_id)
        # The ledger comes before the batch row, in case its cap is changed.
        lock_slots(tx, scopes_of_batch(row))
        apply_decision(tx, row.key, _unless_deleted(decide), counted)
        before, after = batch_from(row), batch_from(batch_by_key(tx, row.key))
        is_started = before.state is BatchState.DRAFT and after.state in STARTED_STATES
        if is_started or (after.lacks_config and not before.lacks_config):
            refuse_without_number(tx, row.key)
        if after.settings.window_rules == before.settings.window_rules:
            return after
        check_window(tx, row.key, "batch.window_end")
        return batch_from(batch_by_key(tx, row.key))

    async def sends_in_flight(self, batch_id: BatchId) -> int:
        def count(tx: Tx) -> int:
            sends: int | None = tx.scalar(
                "SELECT sends_in_flight FROM batches WHERE id = :id", id=pack_id(batch_id)
            )
            return sends or 0

        return await self._db.read_first(count)


def _unless_deleted(decide: Decide) -> Decide:
    """Another transaction may have deleted the batch while this one waited for its row."""

    def decide_if_there(batch: Batch, now: datetime) -> BatchChange | None:
        if batch.deleted_at is not None:
            raise not_found(Reason.BATCH_NOT_FOUND, "batch", batch.batch_id)
        return decide(batch, now)

    return decide_if_there


class SqlCalls:
    """CallStore and ToldCallReader."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get_scheduled_call(
        self, account_id: AccountId, scheduled_call_id: ScheduledCallId
    ) -> ScheduledCall:
        return await self._db.read(
            lambda tx: reading.get_scheduled_call(tx, account_id, scheduled_call_id)
        )

    async def list_scheduled_calls(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        page: PageRequest,
        states: Collection[ScheduledCallState] = (),
        custom_id: str = "",
        outcomes: Collection[DispatchOutcome] = (),
    ) -> Page[ScheduledCall]:
        return await self._db.read(
            lambda tx: reading.list_scheduled_calls(
                tx, account_id, batch_id, page, states, custom_id, outcomes
            )
        )

    async def export_scheduled_calls(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        from_position: int,
        limit: int,
        states: Collection[ScheduledCallState] = (),
        *,
        with_conversations: bool = False,
    ) -> ResultPage:
        def export(tx: Tx) -> ResultPage:
            page = exporting.export_page(tx, account_id, batch_id, from_position, limit, states)
            return exporting.with_what_was_said(tx, page) if with_conversations else page

        return await self._db.read(export)

    async def cancel_scheduled_call(
        self, account_id: AccountId, scheduled_call_id: ScheduledCallId
    ) -> ScheduledCall:
        return await self._db.write(
            lambda tx: cancelling.cancel_scheduled_call(tx, account_id, scheduled_call_id)
        )

    async def get_call(self, account_id: AccountId, call_id: CallId) -> Call:
        return await self._db.read(lambda tx: call_reading.get_call(tx, account_id, call_id))

    async def told_calls(self, call_ids: Collection[CallId]) -> Mapping[CallId, ToldCall]:
        return await self._db.read(lambda tx: read_told_calls(tx, call_ids))

    async def told_call(self, call_id: CallId) -> ToldCall | None:
        told = await self._db.read_first(lambda tx: read_told_calls(tx, [call_id]))
        return told.get(call_id)

    async def delete_call(self, account_id: AccountId, call_id: CallId) -> None:
        await self._db.write(lambda tx: delete_call(tx, account_id, call_id))

    async def cancel_direct_call(self, account_id: AccountId, call_id: CallId) -> Call:
        return await self._db.write(
            lambda tx: cancelling.cancel_direct_call(tx, account_id, call_id)
        )

    async def list_calls(
        self, account_id: AccountId, page: PageRequest, wanted: CallFilter = ANY_CALL
    ) -> Page[Call]:
        return await self._db.read(lambda tx: call_reading.list_calls(tx, account_id, page, wanted))


class SqlDispatch:
    """DispatchStore and CallEventStore."""

    def __init__(
        self,
        database: Database,
        telemetry: Telemetry = NO_TELEMETRY,
        lease: timedelta = LEASE,
    ) -> None:
        self._db = database
        self._telemetry = telemetry
        self._lease = lease
        self._agents = ParsedAgents()

    async def claim(self, limit: int, ready_since: datetime | None = None) -> Claims:
        return await self._db.write(
            lambda tx: claiming.claim(tx, limit, self._agents, ready_since, self._lease)
        )

    async def mark_sending(self, take: Callable[[], Sequence[ClaimedCall]]) -> Sent:
        marked = await self._db.write_group(
            take, lambda tx, group: sending.mark_sending(tx, group, self._lease)
        )
        given_back = 0
        if marked.held_back:
            given_back = await self._give_back(marked.held_back)
        return Sent(tuple(marked.sending), given_back, marked.throttled)

    async def _give_back(self, held_back: Sequence[ClaimedCall]) -> int:
        """In a transaction of its own: the ledger is locked before calls and batches. Should
        it fail, the calls that are SENDING already must be let go all the same, and the
        leases of these give them back."""
        try:
            return await self._db.write(lambda tx: sending.give_back(tx, held_back))
        except OutdialError as error:
            log.warning("claims.not_given_back", calls=len(held_back), reason=error.reason.value)
        except Exception:
            log.exception("claims.give_back_failed", calls=len(held_back))
        self._telemetry.giving_back_failed(len(held_back))
        return 0

    async def apply_reports(
        self,
        take: Callable[[], Sequence[CallReport]],
        callback_keys: Sequence[int] = (),
    ) -> Applied:
        return await self._db.write_group(
            take, lambda tx, group: reporting.apply_reports(tx, group, callback_keys)
        )

    async def apply_call_event(
        self, account_id: AccountId, call_id: CallId, event: CallEvent
    ) -> CallAfterEvent:
        return await self._db.write(
            lambda tx: call_events.apply_call_event(tx, account_id, call_id, event)
        )

    async def reap(self, *, every_lease: bool = False) -> Reaped:
        return await self._db.write(lambda tx: upkeep.reap(tx, every_lease=every_lease))

    async def silent_calls(self, limit: int) -> SilentCalls:
        return await self._db.read_first(lambda tx: upkeep.silent_calls(tx, limit))

    async def postpone(self, until: Sequence[tuple[CallId, datetime]]) -> None:
        await self._db.write(lambda tx: upkeep.postpone(tx, until))

    async def move_windows(self) -> WindowsMoved:
        return await self._db.write(upkeep.move_windows)

    async def settle(self, limit: int) -> bool:
        return await self._db.write(lambda tx: upkeep.settle(tx, limit))

    async def sweep_staging(self, older_than: timedelta | None = None) -> int:
        return await erase_in_groups(
            self._db, lambda tx: staging.sweep_staging(tx, older_than, ERASE_ROWS)
        )

    async def free_externals(self, limit: int) -> ExternalsFreed:
        return await self._db.write(lambda tx: external_calls.free_expired(tx, limit))

    async def audit_slots(self) -> Sequence[LedgerFault]:
        return await self._db.read_first(upkeep.audit_slots)


class SqlStandings:
    """StandingReader."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def batch_standing(self, account_id: AccountId, batch_id: BatchId) -> BatchStanding:
        return await self._db.read(lambda tx: explaining.batch_standing(tx, account_id, batch_id))

    async def row_standing(
        self, account_id: AccountId, scheduled_call_id: ScheduledCallId
    ) -> RowStanding:
        return await self._db.read(
            lambda tx: explaining.row_standing(tx, account_id, scheduled_call_id)
        )


class SqlForecastQuestions:
    """QuestionReader."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def question(
        self, account_id: AccountId, batch_id: BatchId, horizon: timedelta
    ) -> Question:
        return await self._db.read(
            lambda tx: forecasting.read_question(tx, account_id, batch_id, horizon)
        )


class SqlEventLog:
    """EventLog."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def read(self, batch_id: BatchId, after: int, limit: int) -> EventSlice:
        return await self._db.read(lambda tx: event_reading.read_events(tx, batch_id, after, limit))

    async def rows(self, batch_id: BatchId, after_position: int, limit: int) -> RowSlice:
        return await self._db.read(
            lambda tx: event_reading.read_rows(tx, batch_id, after_position, limit)
        )

    async def changed_since(self, batch_id: BatchId, after: int, limit: int) -> RowSlice:
        return await self._db.read(
            lambda tx: event_reading.changed_since(tx, batch_id, after, limit)
        )


class SqlRetention:
    """RetentionStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def erase(self, keep: Retention, limit: int) -> Swept:
        return await self._db.write(lambda tx: erasing.erase(tx, keep, limit))


class SqlErasure:
    """ErasureStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def forget(self, subject: Subject, place: Place) -> ForgottenSome:
        return await self._db.write(lambda tx: forgetting.forget(tx, subject, place))


class SqlFigures:
    """FiguresReader."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def read_figures(self, accounts_most: int) -> Figures:
        return await self._db.read(lambda tx: figures.read_figures(tx, accounts_most))
