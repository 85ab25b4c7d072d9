"""A batch, and the moves that it can make."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import MAXYEAR, datetime
from enum import IntEnum
from typing import Final

from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.calling_hours import opens_before
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.domain.medium import WEBHOOK_CARRIER, Medium, MediumRule
from outdial_server.domain.open_time import OpenTime
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.time_zones import ZoneRule
from outdial_server.domain.window_estimate import WindowFault


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
    window_fault: WindowFault = WindowFault.NONE
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
        if self.window_fault is WindowFault.OPEN_FOR_NOBODY:
            return "HOURS_OPEN_FOR_NOBODY"
        if self.hours_never_open:
            return "HOURS_NEVER_OPEN"
        return "WINDOW_TOO_SHORT" if self.window_fault is WindowFault.TOO_SHORT else ""

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
        return not self.opens_in(self.settings.time_zone, self.updated_at)

    def opens_in(self, zone: str, now: datetime) -> bool:
        """Whether people of a zone can be called before the window ends."""
        hours, end = self.settings.calling_hours, self.settings.window_end
        if hours is None or end is None:
            return True
        start = max(self.settings.window_start or now, now)
        # The calendar ends soon behind it.
        return start.year >= MAXYEAR - 1 or opens_before(hours, zone, start, end)
