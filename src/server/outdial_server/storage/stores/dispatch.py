"""DispatchStore and CallEventStore over a database."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from outdial_server.domain.call_event import CallEvent
from outdial_server.domain.errors import OutdialError
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.report import CallReport
from outdial_server.domain.silence import LEASE
from outdial_server.ports.carrier import RawCallback
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
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry
from outdial_server.storage.database import Database
from outdial_server.storage.stores.erasing_groups import ERASE_ROWS, erase_in_groups
from outdial_server.storage.verbs import (
    broken_lists,
    call_events,
    claiming,
    external_calls,
    reporting,
    sending,
    upkeep,
)
from outdial_server.storage.verbs.call_texts import ParsedAgents

log = structlog.get_logger()


class SqlDispatch:
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
        take_arrived: Callable[[], Sequence[RawCallback]] = tuple,
    ) -> Applied:
        arrived: list[RawCallback] = []

        def take_all() -> Sequence[CallReport]:
            arrived.extend(take_arrived())
            return take()

        return await self._db.write_group(
            take_all,
            lambda tx, group: reporting.apply_reports(tx, group, callback_keys, arrived),
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
            self._db, lambda tx: broken_lists.sweep_staging(tx, older_than, ERASE_ROWS)
        )

    async def free_externals(self, limit: int) -> ExternalsFreed:
        return await self._db.write(lambda tx: external_calls.free_expired(tx, limit))

    async def audit_slots(self) -> Sequence[LedgerFault]:
        return await self._db.read_first(upkeep.audit_slots)
