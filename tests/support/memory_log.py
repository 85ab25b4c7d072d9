"""A batch and its event log in memory, written by chance from a seed, which knows what was
true at each event."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final, NamedTuple

from outdial_server.domain.batch import Batch, BatchCounts, BatchState
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.errors import OutOfRangeError, Reason
from outdial_server.domain.event import BatchAfter, Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import AccountId, AgentId, BatchId, CallId, ScheduledCallId
from outdial_server.domain.scheduled_call import (
    FINAL_STATES,
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)
from outdial_server.ports.clock import Clock
from outdial_server.ports.events import EventSlice, RowSlice
from outdial_server.ports.signals import Signals

BATCH_ID = BatchId("01900000-0000-7000-8000-00000000000b")
_ALIVE_MAX: Final = 8
_ENDS: Final = (ScheduledCallState.COMPLETED, ScheduledCallState.FAILED)


class _Step(NamedTuple):
    """What an event type leaves behind."""

    call: CallState
    row: ScheduledCallState


_STEPS: Final = {
    EventType.CALL_SENDING: _Step(CallState.SENDING, ScheduledCallState.DIALING),
    EventType.CALL_ACCEPTED: _Step(CallState.ACCEPTED, ScheduledCallState.DIALING),
    EventType.CALL_RINGING: _Step(CallState.RINGING, ScheduledCallState.DIALING),
    EventType.CALL_IN_PROGRESS: _Step(CallState.IN_PROGRESS, ScheduledCallState.IN_PROGRESS),
    EventType.CALL_UNKNOWN: _Step(CallState.UNKNOWN, ScheduledCallState.DIALING),
}
_NEXT: Final = {
    None: (*[EventType.CALL_SENDING] * 9, EventType.SCHEDULED_CALL_ENDED),
    EventType.CALL_NOT_SENT: (EventType.CALL_SENDING,),
    EventType.CALL_SENDING: (
        EventType.CALL_ACCEPTED,
        EventType.CALL_UNKNOWN,
        EventType.CALL_NOT_SENT,
    ),
    EventType.CALL_UNKNOWN: (EventType.CALL_RINGING, EventType.CALL_ENDED),
    EventType.CALL_ACCEPTED: (EventType.CALL_RINGING, EventType.CALL_IN_PROGRESS),
    EventType.CALL_RINGING: (EventType.CALL_IN_PROGRESS, EventType.CALL_ENDED),
    EventType.CALL_IN_PROGRESS: (EventType.CALL_ENDED, EventType.CALL_PRESUMED_ENDED),
    EventType.CALL_ENDED: (EventType.CALL_SENDING,),
    EventType.SCHEDULED_CALL_RETRIED: (EventType.CALL_SENDING,),
}


class MemoryLog:
    """EventLog over one batch. Each writing method is one commit."""

    def __init__(self, clock: Clock, signals: Signals, seed: int = 0, rows: int = 0) -> None:
        self._clock = clock
        self._signals = signals
        self._random = Random(seed)
        self.events: list[Event] = []
        self.oldest = 1
        self.reads = 0
        self.events_read = 0
        # Raised by every read while it is set.
        self.failure: Exception | None = None
        # Done once, between the moment of a read and its return.
        self.behind_next_read: Callable[[], object] | None = None
        # The most turns of the event loop that a read takes before and after its moment.
        self.turns_max = 0
        self._rows: list[ScheduledCall] = []
        self._row_added_at: list[int] = []
        self._last_type: list[EventType | None] = []
        self._open: list[int] = []
        self._counts = dict.fromkeys(ScheduledCallState, 0)
        self.batch = Batch(
            BATCH_ID,
            AccountId("01900000-0000-7000-8000-00000000000a"),
            AgentId("01900000-0000-7000-8000-00000000000c"),
            "simulated",
            DuplicatePolicy.KEEP,
            BatchSettings("watched"),
            BatchState.RUNNING,
            "",
            "",
            None,
            BatchCounts(),
            sequence=0,
            revision=1,
            created_at=clock.now(),
            updated_at=clock.now(),
            started_at=clock.now(),
            ended_at=None,
            deleted_at=None,
        )
        self._place(rows)
        self._append_of_batch(EventType.BATCH_CREATED)
        self._commit()

    # --- writing ---------------------------------------------------------------

    def add_rows(self, count: int) -> None:
        self._place(count)
        self._append_of_batch(EventType.SCHEDULED_CALLS_ADDED)
        self._commit()

    def step(self, events: int = 1) -> bool:
        """Moves calls on, in one commit; False when none is left to move."""
        for _ in range(min(events, events * len(self._open))):
            # Few at a time are alive, as under a cap.
            index = self._random.randrange(min(len(self._open), _ALIVE_MAX))
            if self._move(self._open[index]) in FINAL_STATES:
                del self._open[index]
            if not self._open:
                break
        self._commit()
        return bool(self._open)

    def finish(self) -> None:
        """Ends every call, then the batch."""
        while self.step(events=20):
            pass
        now = self._clock.now()
        self.batch = replace(self.batch, state=BatchState.COMPLETED, ended_at=now)
        self._append_of_batch(EventType.BATCH_ENDED)
        self._commit()

    def retry(self) -> int:
        """Lets the rows that failed wait again, of a batch that has ended, in one commit;
        returns how many. Without any the batch stays as it is."""
        failed = [row.position for row in self._rows if row.state is ScheduledCallState.FAILED]
        if failed:
            self.batch = replace(self.batch, state=BatchState.RUNNING, ended_at=None)
            self._append_of_batch(EventType.BATCH_STATE_CHANGED)
        for position in failed:
            self._wait_again(position)
        self._commit()
        return len(failed)

    def delete(self) -> None:
        self.batch = replace(self.batch, deleted_at=self._clock.now())
        self._append_of_batch(EventType.BATCH_DELETED)
        self._commit()

    def erase(self, before: int) -> None:
        self.oldest = max(self.oldest, min(before, self.batch.sequence + 1))

    # --- what was true ---------------------------------------------------------

    def states_at(self, sequence: int) -> dict[str, int]:
        """The state of each row that was there right after an event."""
        states: dict[str, int] = {
            row.scheduled_call_id: ScheduledCallState.WAITING
            for row, added_at in zip(self._rows, self._row_added_at, strict=True)
            if added_at <= sequence
        }
        for event in self.events[:sequence]:
            if isinstance(event.after, ScheduledCallAfter):
                states[event.after.scheduled_call_id] = event.after.state
        return states

    # --- the port --------------------------------------------------------------

    async def read(
        self, batch_id: BatchId, after: int, limit: int, *, thinned: bool = False
    ) -> EventSlice:
        await self._linger()
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        self._refuse_erased(after)
        events = self.events[after : after + limit]
        if thinned:
            events = [e for e in events if isinstance(e.after, BatchAfter) or e is events[-1]]
        self.events_read += len(events)
        read = EventSlice(self.batch, events)
        self._write_behind()
        await self._linger()
        return read

    async def rows(self, batch_id: BatchId, after_position: int, limit: int) -> RowSlice:
        await self._linger()
        first = after_position + 1
        read = RowSlice(self.batch, self._rows[first : first + limit])
        self._write_behind()
        await self._linger()
        return read

    async def changed_since(self, batch_id: BatchId, after: int, limit: int) -> RowSlice:
        await self._linger()
        self._refuse_erased(after)
        events = self.events[after : after + limit]
        positions = {
            event.after.position for event in events if isinstance(event.after, ScheduledCallAfter)
        }
        rows = [self._rows[position] for position in sorted(positions)]
        read = RowSlice(self.batch, rows, after + len(events))
        self._write_behind()
        await self._linger()
        return read

    # --- inside ----------------------------------------------------------------

    def _write_behind(self) -> None:
        write, self.behind_next_read = self.behind_next_read, None
        if write is not None:
            write()

    async def _linger(self) -> None:
        for _ in range(self._random.randint(0, self.turns_max)):
            await asyncio.sleep(0)

    def _refuse_erased(self, after: int) -> None:
        if after + 1 < self.oldest:
            raise OutOfRangeError(
                Reason.EVENTS_ERASED, "erased", {"oldest_sequence": str(self.oldest)}
            )

    def _place(self, count: int) -> None:
        first = len(self._rows)
        self._rows += [self._new_row(first + i) for i in range(count)]
        self._row_added_at += [self._next_sequence] * count
        self._last_type += [None] * count
        self._open += range(first, first + count)
        self._counts[ScheduledCallState.WAITING] += count

    def _new_row(self, position: int) -> ScheduledCall:
        return ScheduledCall(
            scheduled_call_id=ScheduledCallId(f"row {position}"),
            batch_id=BATCH_ID,
            position=position,
            address="+15551230001",
            normalized_address="+15551230001",
            custom_id="",
            time_zone="",
            priority=0,
            caller_id="",
            template_context_json="",
            metadata={},
            state=ScheduledCallState.WAITING,
            state_reason="",
            dispatch_outcome=DispatchOutcome.NONE,
            dispatched_at=None,
            attempt_count=0,
            call_id=None,
            disposition=None,
            due_at=None,
            created_at=self._clock.now(),
            ended_at=None,
        )

    def _move(self, position: int) -> ScheduledCallState:
        row = self._rows[position]
        event_type = self._random.choice(_NEXT[self._last_type[position]])
        step = _STEPS.get(event_type) or _Step(CallState.ENDED, self._end_of(event_type))
        after = ScheduledCallAfter(
            row.scheduled_call_id,
            position,
            step.row,
            "",
            DispatchOutcome.NONE,
            CallId(f"call of {position}"),
            1,
            step.call,
            Disposition.ANSWERED_HUMAN if step.row in FINAL_STATES else None,
        )
        self._rows[position] = replace(row, state=step.row)
        self._counts[row.state] -= 1
        self._counts[step.row] += 1
        self._last_type[position] = event_type
        self._append(event_type, after)
        return step.row

    def _wait_again(self, position: int) -> None:
        row = self._rows[position]
        waiting = ScheduledCallState.WAITING
        after = ScheduledCallAfter(
            row.scheduled_call_id,
            position,
            waiting,
            "RETRIED",
            DispatchOutcome.NONE,
            None,
            1,
            None,
            None,
        )
        self._rows[position] = replace(row, state=waiting)
        self._counts[row.state] -= 1
        self._counts[waiting] += 1
        self._last_type[position] = EventType.SCHEDULED_CALL_RETRIED
        self._open.append(position)
        self._append(EventType.SCHEDULED_CALL_RETRIED, after)

    def _end_of(self, event_type: EventType) -> ScheduledCallState:
        if event_type is EventType.CALL_NOT_SENT:
            return ScheduledCallState.WAITING
        if event_type is EventType.CALL_ENDED:
            return self._random.choice((ScheduledCallState.WAITING, *_ENDS))
        return self._random.choice(_ENDS)

    @property
    def _next_sequence(self) -> int:
        return len(self.events) + 1

    def _append_of_batch(self, event_type: EventType) -> None:
        self._append(event_type, BatchAfter(self.batch.state, "", "", len(self._rows)))

    def _append(self, event_type: EventType, after: BatchAfter | ScheduledCallAfter) -> None:
        self.events.append(Event(self._next_sequence, self._clock.now(), event_type, "TEST", after))

    def _commit(self) -> None:
        by_state = {state.name.lower(): count for state, count in self._counts.items()}
        counts = BatchCounts(total=len(self._rows), **by_state)
        self.batch = replace(self.batch, counts=counts, sequence=len(self.events))
        self._signals.publish((BATCH_ID,))
