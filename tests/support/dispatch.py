"""The engine's store in memory: one batch, calls that claim, send and move by the real
rules. Leases, windows and rows of the real store are not its concern."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from outdial_server.domain.call import CallState
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind, in_order
from outdial_server.domain.transition import CallFacts, advance
from outdial_server.ports.callbacks import StoredCallback
from outdial_server.ports.carrier import RawCallback
from outdial_server.ports.clock import Clock
from outdial_server.ports.dispatch import (
    Applied,
    ClaimedCall,
    Claims,
    ExternalsFreed,
    LedgerFault,
    Reaped,
    Sent,
    SilentCall,
    SilentCalls,
    WindowsMoved,
)
from support.domain import ACCOUNT, BATCH, TIMES, a_call, after


@dataclass
class Inbox:
    """Callbacks that wait to be acted on. `reads` counts how often it was looked into."""

    callbacks: dict[int, RawCallback] = field(default_factory=dict)
    reads: int = 0

    async def store(self, callback: RawCallback) -> None:
        self.add(callback)

    def add(self, callback: RawCallback) -> int:
        """As SQLite does: a key that came free is given out again."""
        key = max(self.callbacks, default=0) + 1
        self.callbacks[key] = callback
        return key

    async def pending(self, limit: int) -> Sequence[StoredCallback]:
        self.reads += 1
        return [StoredCallback(k, c) for k, c in sorted(self.callbacks.items())][:limit]


class MemoryDispatch:
    """`fail_once` makes the next transaction fail before it has done anything."""

    def __init__(self, clock: Clock, inbox: Inbox | None = None) -> None:
        self._clock = clock
        self._inbox = inbox or Inbox()
        self._failure: Exception | None = None
        # Reports that the store cannot take, and how long a commit to SENDING lasts.
        self.poison: set[CallId] = set()
        self.before_sending_commits: Callable[[], None] = lambda: None
        self.calls: dict[CallId, CallFacts] = {}
        self.waiting: list[CallId] = []
        self.silent: dict[CallId, SilentCall] = {}
        self.look_at: dict[CallId, datetime] = {}
        self.groups: list[tuple[CallReport, ...]] = []
        self.unsettled = 0
        self.externals = ExternalsFreed(0, more=False, next_at=None)
        self.recovered = False
        # How old what was swept had to be, for each sweep.
        self.swept: list[timedelta | None] = []
        self.ledger_faults: list[LedgerFault] = []
        self.leases_lost = Reaped(0, 0, None)
        self.windows = WindowsMoved(0, settling=False, next_at=None)
        self.next_due_at: datetime | None = None
        self.running = True

    def fail_once(self, failure: Exception) -> None:
        self._failure = failure

    def add_rows(self, count: int) -> None:
        first = len(self.calls)
        for number in range(first, first + count):
            call_id = CallId(f"call-{number}")
            self.calls[call_id] = a_call(CallState.CLAIMED, fence=0)
            self.waiting.append(call_id)

    def states(self) -> list[CallState]:
        return [call.state for call in self.calls.values()]

    def add_silent(self, call: SilentCall) -> None:
        self.silent[call.call_id] = call
        self.look_at[call.call_id] = self._clock.now()

    async def claim(self, limit: int, ready_since: datetime | None = None) -> Claims:
        self._begin()
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        for call_id in taken:
            call = self.calls[call_id]
            self.calls[call_id] = call._replace(fence=call.fence + 1, holds_slot=True)
        now = self._clock.now()
        claimed = tuple(self._claimed(call_id, ready_since or now, now) for call_id in taken)
        return Claims(claimed, bool(self.waiting), self.next_due_at)

    async def mark_sending(self, take: Callable[[], Sequence[ClaimedCall]]) -> Sent:
        group = take()
        self._begin()
        self.before_sending_commits()
        ours = [claim for claim in group if self._stands(claim)]
        if not self.running:
            self.waiting += [claim.call_id for claim in ours]
            return Sent((), len(ours))
        for claim in ours:
            call = self.calls[claim.call_id]
            self.calls[claim.call_id] = call._replace(state=CallState.SENDING)
        return Sent(tuple(ours), 0)

    async def apply_reports(
        self,
        take: Callable[[], Sequence[CallReport]],
        callback_keys: Sequence[int] = (),
        take_arrived: Callable[[], Sequence[RawCallback]] = tuple,
    ) -> Applied:
        arrived, group = take_arrived(), take()
        self._begin()
        if any(report.call_id in self.poison for report in group):
            raise RuntimeError("the store cannot take this")
        self.groups.append(tuple(group))
        stored_keys = tuple(self._inbox.add(callback) for callback in arrived)
        states = [self._apply(report) for report in in_order(list(group))]
        for key in callback_keys:
            self._inbox.callbacks.pop(key, None)
        changed = [state for state in states if state is not None]
        return Applied(
            changed=len(changed),
            ignored=len(states) - len(changed),
            freed=CallState.ENDED in changed or CallState.CLAIMED in changed,
            unknown=CallState.UNKNOWN in changed,
            settling=CallState.CLAIMED in changed,
            stored_keys=stored_keys,
        )

    async def reap(self, *, every_lease: bool = False) -> Reaped:
        self._begin()
        self.recovered |= every_lease
        return self.leases_lost

    async def silent_calls(self, limit: int) -> SilentCalls:
        self._begin()
        now = self._clock.now()
        due = [call_id for call_id, at in self.look_at.items() if at <= now]
        later = [at for at in self.look_at.values() if at > now]
        return SilentCalls(
            tuple(self.silent[call_id] for call_id in due[:limit]), min(later, default=None), now
        )

    async def postpone(self, until: Sequence[tuple[CallId, datetime]]) -> None:
        self._begin()
        for call_id, moment in until:
            self.look_at[call_id] = moment
            call = self.silent[call_id]
            self.silent[call_id] = replace(call, lookups=call.lookups + 1)

    async def move_windows(self) -> WindowsMoved:
        self._begin()
        return self.windows

    async def settle(self, limit: int) -> bool:
        self._begin()
        self.unsettled = max(0, self.unsettled - limit)
        return self.unsettled > 0

    async def sweep_staging(self, older_than: timedelta | None = None) -> int:
        self._begin()
        self.swept.append(older_than)
        return 0

    async def free_externals(self, limit: int) -> ExternalsFreed:
        return self.externals

    async def audit_slots(self) -> Sequence[LedgerFault]:
        self._begin()
        return self.ledger_faults

    def _begin(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _stands(self, claim: ClaimedCall) -> bool:
        call = self.calls[claim.call_id]
        return call.state is CallState.CLAIMED and call.fence == claim.fence

    def _apply(self, report: CallReport) -> CallState | None:
        call = self.calls.get(report.call_id)
        if call is None:
            return None
        transition = advance(call, report, self._clock.now())
        if transition is None:
            return None
        self.calls[report.call_id] = after(call, transition)
        if transition.due_at is not None and report.kind is ReportKind.NOT_SENT:
            self.waiting.append(report.call_id)
        return transition.state

    def _claimed(self, call_id: CallId, ready_at: datetime, now: datetime) -> ClaimedCall:
        return ClaimedCall(
            call_id=call_id,
            fence=self.calls[call_id].fence,
            account_id=ACCOUNT,
            batch_id=BATCH,
            carrier="simulated",
            address="+15550000001",
            caller_id="",
            times=TIMES,
            template_context_json="",
            metadata_json='{"order":"7"}',
            ready_at=ready_at,
            claimed_at=now,
        )
