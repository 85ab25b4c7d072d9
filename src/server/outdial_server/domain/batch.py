"""A batch and the decisions over its life: pure functions of batch, request and `now`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import MAXYEAR, datetime, timedelta
from enum import IntEnum
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.call import CallTimes
from outdial_server.domain.calling_hours import CallingHours, opens_before
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.domain.medium import WEBHOOK_CARRIER, Medium, MediumRule
from outdial_server.domain.open_time import OpenTime
from outdial_server.domain.pacing import Pacing
from outdial_server.domain.retry_policy import RetryPolicy
from outdial_server.domain.rotation import Rotation
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.time_zones import UTC_ZONE, ZoneRule
from outdial_server.domain.window_estimate import WindowCheck


class BatchState(IntEnum):
    """The numbers are stored; add, never change."""

    DRAFT = 1
    SCHEDULED = 2
    RUNNING = 3
    PAUSED = 4
    COMPLETED = 5
    CANCELLED = 6
    FAILED = 7


STARTED_STATES: Final = frozenset({BatchState.SCHEDULED, BatchState.RUNNING})
"""Into which a draft is started."""

ENDED_STATES: Final = frozenset({BatchState.COMPLETED, BatchState.CANCELLED, BatchState.FAILED})
"""Of these only COMPLETED is ever left again, by `domain.retry`."""

BATCH_TRANSITIONS: Final[Mapping[BatchState, frozenset[BatchState]]] = {
    BatchState.DRAFT: frozenset({BatchState.SCHEDULED, BatchState.RUNNING, BatchState.CANCELLED}),
    BatchState.SCHEDULED: frozenset(
        {
            BatchState.RUNNING,
            BatchState.PAUSED,
            BatchState.COMPLETED,
            BatchState.CANCELLED,
        }
    ),
    BatchState.RUNNING: frozenset(
        {
            BatchState.SCHEDULED,
            BatchState.PAUSED,
            BatchState.COMPLETED,
            BatchState.CANCELLED,
            BatchState.FAILED,
        }
    ),
    BatchState.PAUSED: frozenset(
        {
            BatchState.SCHEDULED,
            BatchState.RUNNING,
            BatchState.COMPLETED,
            BatchState.CANCELLED,
        }
    ),
    BatchState.COMPLETED: frozenset({BatchState.SCHEDULED, BatchState.RUNNING}),
    BatchState.CANCELLED: frozenset(),
    BatchState.FAILED: frozenset(),
}
"""Every move that a batch can make; docs/state-machines.md is held against it."""


class UnknownPolicy(IntEnum):
    """What to do with a call of which nobody knows whether it was placed."""

    AT_MOST_ONCE = 1
    RECONCILED_RETRY = 2
    HOLD = 3


class DuplicatePolicy(IntEnum):
    KEEP = 1
    SKIP = 2
    REJECT = 3


class RetryCallerId(IntEnum):
    """Which number later tries show: that of the first one, or the one that is due now."""

    KEEP = 1
    CHOOSE_AGAIN = 2


class ConfigErrorPolicy(IntEnum):
    PAUSE = 1
    FAIL = 2


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Scheduled calls by state. From `waiting` to `skipped` they add up to `total`."""

    total: int = 0
    waiting: int = 0
    dialing: int = 0
    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    skipped: int = 0
    dispatch_accepted: int = 0
    dispatch_refused: int = 0
    unknown: int = 0
    sends_in_flight: int = 0
    # Of those that have not ended: whom no carrier has accepted.
    undispatched: int = 0

    @property
    def live(self) -> int:
        return self.dialing + self.in_progress

    @property
    def unfinished(self) -> int:
        return self.waiting + self.live


COUNT_NAMES: Final = tuple(f.name for f in fields(BatchCounts))


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """What a client may write of a batch."""

    display_name: str
    window_start: datetime | None = None
    window_end: datetime | None = None
    priority: int = 0
    weight: int = 1
    max_concurrent_calls: int | None = None
    # For all of its calls; else each shows one of its numbers.
    caller_id: str = ""
    # Ids; as a client writes them also E.164 forms. Empty: those of its agent, if any.
    phone_numbers: tuple[str, ...] = ()
    rotation: Rotation = Rotation.RANDOM
    # Its id; as a client writes it also its name. Empty: none.
    throttle: str = ""
    # The same of an account at its carrier.
    carrier_config: str = ""
    unknown_policy: UnknownPolicy = UnknownPolicy.AT_MOST_ONCE
    on_config_error: ConfigErrorPolicy = ConfigErrorPolicy.PAUSE
    ring_timeout: timedelta = limits.RING_TIMEOUT_DEFAULT
    max_call_duration: timedelta = limits.CALL_DURATION_DEFAULT
    # None: nobody is tried twice, unless by hand or by the unknown policy.
    retry_policy: RetryPolicy | None = None
    retry_caller_id: RetryCallerId = RetryCallerId.KEEP
    metadata: Mapping[str, str] = field(default_factory=dict)
    annotations_json: str = ""
    time_zone: str = UTC_ZONE
    calling_hours: CallingHours | None = None
    max_calls_per_day: int | None = None
    pacing: Pacing = Pacing.AS_FAST_AS_POSSIBLE
    # None: as the account's calls have taken lately, or the default.
    expected_call_duration: timedelta | None = None
    window_check: WindowCheck = WindowCheck.WARN
    # Of the carrier's own; as a client writes them under any spelling of their names.
    carrier_params: Params = field(default_factory=dict)
    # What is asked to see to calls that nobody of ours dials.
    webhook: BatchWebhook | None = None

    @property
    def is_spread(self) -> bool:
        """Without a daily cap all of a day are due at its opening."""
        return self.pacing is Pacing.SPREAD_OVER_DAYS and self.max_calls_per_day is not None

    @property
    def window_rules(self) -> tuple[object, ...]:
        """What a window is held against: after a change of it it is checked again."""
        return (
            self.window_start,
            self.window_end,
            self.window_check,
            self.max_concurrent_calls,
            self.throttle,
            self.carrier_config,
            self.time_zone,
            self.calling_hours,
            self.max_calls_per_day,
            self.pacing,
            self.expected_call_duration,
        )

    @property
    def row_rules(self) -> tuple[object, ...]:
        """What row gates judge by: after a change of it they are asked again for whoever
        they have put off."""
        return self.calling_hours, self.time_zone, self.retry_caller_id

    @property
    def call_times(self) -> CallTimes:
        return CallTimes(self.ring_timeout, self.max_call_duration)


@dataclass(frozen=True, slots=True)
class Batch:
    batch_id: BatchId
    account_id: AccountId
    agent_id: AgentId
    carrier: str
    duplicates: DuplicatePolicy
    settings: BatchSettings
    state: BatchState
    state_reason: str
    state_detail: str
    # What its waiting rows are being moved to, while a settler still has rows to move.
    settling_to: ScheduledCallState | None
    counts: BatchCounts
    sequence: int
    revision: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    deleted_at: datetime | None
    # Since when nobody has been left to dispatch.
    dispatch_ended_at: datetime | None = None
    # Of the agent, and read with the batch.
    agent_active: bool = True
    zone_rule: ZoneRule = ZoneRule.BATCH_ZONE
    # Whether some of its people may be called by another zone than its own.
    has_other_zones: bool = False
    # With a daily cap: the local date, as an ordinal, that dials were counted on last.
    dial_day: int | None = None
    dials_on_day: int = 0
    # Of one direct call, and shown to nobody: see `domain.direct_call`.
    is_direct: bool = False
    # As of the last list or change of the schedule: see `domain.window_estimate`.
    is_window_short: bool = False
    # Of its people who have none of their own.
    medium: Medium = Medium.OUTGOING
    # Its webhook has failed: nobody is dialled before.
    rests_until: datetime | None = None
    # See `CarrierTerms.needs_config`.
    needs_config: bool = False
    # A new list has taken the place of people who wait, and some of these are yet to be ended.
    is_replacing: bool = False
    # Whether some of its people name carrier configs of their own.
    has_own_configs: bool = False

    @property
    def lacks_config(self) -> bool:
        """Whether only those of its people can be dialled whose number has a carrier config."""
        return self.needs_config and not self.settings.carrier_config

    @property
    def medium_rule(self) -> MediumRule:
        has_webhook = self.settings.webhook is not None
        return MediumRule(has_webhook, self.carrier != WEBHOOK_CARRIER, self.medium)

    @property
    def schedule_warning(self) -> str:
        if self.hours_never_open:
            return "HOURS_NEVER_OPEN"
        return "WINDOW_TOO_SHORT" if self.is_window_short else ""

    @property
    def plan_mark(self) -> int:
        """Another number after each change of its settings and each list that is added: both
        only grow."""
        return self.revision + self.counts.total

    @property
    def open_time(self) -> OpenTime:
        """When calls of it may be started. Where people have zones of their own, somebody's
        hours may be open at any time."""
        settings = self.settings
        hours = None if self.has_other_zones else settings.calling_hours
        return OpenTime(settings.time_zone, hours, settings.window_end)

    @property
    def hours_never_open(self) -> bool:
        """Whether its own zone has no opening left before the window ends."""
        hours, end = self.settings.calling_hours, self.settings.window_end
        if hours is None or end is None:
            return False
        start = max(self.settings.window_start or self.updated_at, self.updated_at)
        # The calendar ends soon behind it.
        if start.year >= MAXYEAR - 1:
            return False
        return not opens_before(hours, self.settings.time_zone, start, end)


@dataclass(frozen=True, slots=True)
class BatchChange:
    """What a decision does to a batch. `batch` is the batch after it."""

    batch: Batch
    event: EventType
    cause: str
    # What its carrier asks of it, where a client changes it.
    terms: CarrierTerms = NO_TERMS


def refusal(batch: Batch, verb: str, possible: str = "") -> PreconditionError:
    """`possible` says when it would be."""
    hint = f"; {possible}" if possible else ""
    return PreconditionError(
        Reason.BATCH_STATE,
        f"a {batch.state.name} batch cannot be {verb}{hint}",
        {"state": batch.state.name, "state_reason": batch.state_reason},
    )


def _moved(
    batch: Batch, state: BatchState, reason: str, now: datetime, cause: str, detail: str = ""
) -> BatchChange:
    started_at = batch.started_at or (now if state is BatchState.RUNNING else None)
    return BatchChange(
        replace(
            batch,
            state=state,
            state_reason=reason,
            state_detail=detail,
            started_at=started_at,
            updated_at=now,
        ),
        EventType.BATCH_STATE_CHANGED,
        cause,
    )


def state_by_window(window_start: datetime | None, now: datetime) -> tuple[BatchState, str]:
    if window_start is not None and now < window_start:
        return BatchState.SCHEDULED, "WINDOW_NOT_OPEN"
    return BatchState.RUNNING, ""


def first_state(
    *, draft: bool, window_start: datetime | None, now: datetime
) -> tuple[BatchState, str]:
    """The state that a new batch is in, and why."""
    return (BatchState.DRAFT, "") if draft else state_by_window(window_start, now)


def start(batch: Batch, now: datetime) -> BatchChange:
    if batch.state is not BatchState.DRAFT:
        raise refusal(batch, "started", "only a DRAFT can")
    if batch.counts.total == 0:
        raise PreconditionError(
            Reason.BATCH_EMPTY, "the batch has no scheduled calls; add some before it starts"
        )
    if not batch.agent_active:
        raise agent_inactive(batch.agent_id)
    state, reason = state_by_window(batch.settings.window_start, now)
    return _moved(batch, state, reason, now, "USER_REQUEST")


def agent_inactive(agent_id: AgentId) -> PreconditionError:
    return PreconditionError(
        Reason.AGENT_INACTIVE,
        "the agent is not active, and no batch of it is made or started",
        {"agent_id": agent_id},
    )


def no_usable_number() -> PreconditionError:
    return PreconditionError(
        Reason.NO_USABLE_NUMBER,
        "none of the numbers to call from is active, good for outbound voice and of an account "
        "at the carrier that dials",
    )


def no_carrier_config(carrier: str) -> PreconditionError:
    return PreconditionError(
        Reason.CARRIER_NOT_CONFIGURED,
        f"calls of carrier {carrier!r} need a carrier config with credentials: neither the batch "
        "names one, nor does any number that it could call from",
        {"carrier": carrier},
    )


def pause(batch: Batch, now: datetime) -> BatchChange | None:
    if batch.state is BatchState.PAUSED:
        return None
    if batch.state not in (BatchState.SCHEDULED, BatchState.RUNNING):
        raise refusal(batch, "paused", "only a SCHEDULED or RUNNING one can")
    return _moved(batch, BatchState.PAUSED, "USER_REQUEST", now, "USER_REQUEST")


def resume(batch: Batch, now: datetime) -> BatchChange | None:
    if batch.state in (BatchState.SCHEDULED, BatchState.RUNNING):
        return None
    if batch.state is not BatchState.PAUSED:
        raise refusal(batch, "resumed", "only a PAUSED one can")
    state, reason = state_by_window(batch.settings.window_start, now)
    return _moved(batch, state, reason, now, "USER_REQUEST")


def cancel(batch: Batch, now: datetime) -> BatchChange | None:
    if batch.state is BatchState.CANCELLED:
        return None
    if batch.state in ENDED_STATES:
        raise refusal(batch, "cancelled", "it has ended")
    change = _moved(batch, BatchState.CANCELLED, "USER_REQUEST", now, "USER_REQUEST")
    return _settling(change, ScheduledCallState.CANCELLED)


def delete(batch: Batch, now: datetime, states: Collection[BatchState] = ()) -> BatchChange:
    """Hides the batch; one that has not ended is cancelled with it. Only in one of `states`, if
    any are given."""
    if states and batch.state not in states:
        names = ", ".join(sorted(state.name for state in states))
        raise refusal(batch, "deleted", f"it was to be one of {names}")
    if batch.state in ENDED_STATES:
        change = BatchChange(batch, EventType.BATCH_DELETED, "USER_REQUEST")
    else:
        moved = _moved(batch, BatchState.CANCELLED, "DELETED", now, "USER_REQUEST")
        change = _settling(moved, ScheduledCallState.CANCELLED)
    hidden = replace(change.batch, deleted_at=now, updated_at=now)
    return BatchChange(hidden, EventType.BATCH_DELETED, "USER_REQUEST")


def open_window(batch: Batch, now: datetime) -> BatchChange | None:
    """SCHEDULED to RUNNING once the window opens."""
    if batch.state is not BatchState.SCHEDULED:
        return None
    state, reason = state_by_window(batch.settings.window_start, now)
    return None if state is batch.state else _moved(batch, state, reason, now, "WINDOW_OPENED")


def close_window(batch: Batch, now: datetime) -> BatchChange | None:
    """Lets what waits expire once the window has closed. The batch itself ends when no
    call of it is alive."""
    end = batch.settings.window_end
    if end is None or now < end or batch.state in ENDED_STATES or batch.state is BatchState.DRAFT:
        return None
    if batch.settling_to is not None or batch.counts.waiting == 0:
        return None
    closed = replace(batch, state_reason="WINDOW_CLOSED", updated_at=now)
    change = BatchChange(closed, EventType.BATCH_STATE_CHANGED, "WINDOW_CLOSED")
    return _settling(change, ScheduledCallState.EXPIRED)


def carrier_misconfigured(batch: Batch, detail: str, now: datetime) -> BatchChange | None:
    """The carrier refused for a reason that every call would meet."""
    if batch.state is not BatchState.RUNNING:
        return None
    reason, cause = "CARRIER_CONFIGURATION", "CARRIER"
    if batch.settings.on_config_error is ConfigErrorPolicy.PAUSE:
        return _moved(batch, BatchState.PAUSED, reason, now, cause, detail)
    change = _moved(batch, BatchState.FAILED, reason, now, cause, detail)
    return _settling(change, ScheduledCallState.CANCELLED)


def finish(batch: Batch, now: datetime) -> BatchChange | None:
    """Ends the batch once nothing of it waits or is alive."""
    if batch.ended_at is not None or batch.counts.unfinished or batch.state is BatchState.DRAFT:
        return None
    state, reason = batch.state, batch.state_reason
    if state not in ENDED_STATES:
        state = BatchState.COMPLETED
        reason = "WINDOW_CLOSED" if batch.counts.expired else "ALL_CALLS_ENDED"
    ended = replace(
        batch,
        state=state,
        state_reason=reason,
        # One without people has had nobody to dispatch.
        dispatch_ended_at=batch.dispatch_ended_at or now,
        ended_at=now,
        updated_at=now,
        settling_to=None,
    )
    return BatchChange(ended, EventType.BATCH_ENDED, "ALL_CALLS_ENDED")


def edit(batch: Batch, changed: BatchSettings, now: datetime) -> BatchChange | None:
    """New values for what a client may write. Moving the window start moves a batch
    that is not paused between SCHEDULED and RUNNING. A window that has closed stays so:
    its rows are expiring, and opened again they would be dialled and expired at once."""
    if batch.state in ENDED_STATES:
        raise refusal(batch, "changed", "it has ended")
    if changed == batch.settings:
        return None
    if batch.settling_to is not None and _window(changed) != _window(batch.settings):
        raise refusal(batch, "given another window once the old one has closed")
    edited = replace(batch, settings=changed, revision=batch.revision + 1, updated_at=now)
    state, reason = state_by_window(changed.window_start, now)
    movable = batch.state in (BatchState.SCHEDULED, BatchState.RUNNING)
    if movable and state is not batch.state:
        edited = _moved(edited, state, reason, now, "USER_REQUEST").batch
    return BatchChange(edited, EventType.BATCH_UPDATED, "USER_REQUEST")


def _window(settings: BatchSettings) -> tuple[datetime | None, datetime | None]:
    return settings.window_start, settings.window_end


def refuse_append_when_over(batch: Batch, now: datetime) -> None:
    """Rows can be added until the batch ends or its window closes."""
    closed = batch.settings.window_end is not None and batch.settings.window_end <= now
    if batch.state in ENDED_STATES or batch.settling_to is not None or closed:
        raise refusal(batch, "added to", "it has ended or its window has closed")


def _settling(change: BatchChange, to: ScheduledCallState) -> BatchChange:
    return replace(change, batch=replace(change.batch, settling_to=to))


SETTLED_REASON: Final = {
    ScheduledCallState.EXPIRED: "WINDOW_CLOSED",
    ScheduledCallState.CANCELLED: "BATCH_CANCELLED",
}
"""Why a row that was never dialled ended, by what it was moved to."""
