"""A scheduled call: one row of a batch, one person to be called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.ids import BatchId, CallId, ScheduledCallId
from outdial_server.domain.medium import Medium
from outdial_server.domain.time_zones import UTC_ZONE, TimeZoneSource


class ScheduledCallState(IntEnum):
    """The numbers of final states are stored; the others are read from the call."""

    WAITING = 1
    DIALING = 2
    IN_PROGRESS = 3
    COMPLETED = 4
    FAILED = 5
    EXPIRED = 6
    CANCELLED = 7
    SKIPPED = 8


FINAL_STATES: Final = frozenset(s for s in ScheduledCallState if s >= ScheduledCallState.COMPLETED)

_STATE_OF_CALL: Final = {
    CallState.CLAIMED: ScheduledCallState.WAITING,
    CallState.SENDING: ScheduledCallState.DIALING,
    CallState.ACCEPTED: ScheduledCallState.DIALING,
    CallState.RINGING: ScheduledCallState.DIALING,
    CallState.UNKNOWN: ScheduledCallState.DIALING,
    CallState.IN_PROGRESS: ScheduledCallState.IN_PROGRESS,
    # An ended call whose scheduled call is still open: it waits for its next try.
    CallState.ENDED: ScheduledCallState.WAITING,
}


def state_while_open(call_state: CallState | None) -> ScheduledCallState:
    """What a scheduled call without an end is doing, read from its latest call."""
    if call_state is None:
        return ScheduledCallState.WAITING
    return _STATE_OF_CALL[call_state]


class DispatchOutcome(IntEnum):
    """Whether a carrier took the call, whatever came of it. The numbers are stored."""

    NONE = 0
    ACCEPTED = 1
    REFUSED = 2


@dataclass(slots=True)
class NewScheduledCall:
    """A row as a client gives it, checked and with its address in normal form. Not frozen,
    like `RawRow`."""

    address: str
    normalized_address: str
    custom_id: str = ""
    time_zone: str = ""
    priority: int = 0
    caller_id: str = ""
    template_context_json: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    # What the phone number tells, where the batch asks for it.
    number_zone: str = ""
    # None: as long as the batch says; the same for the next.
    ring_timeout: timedelta | None = None
    max_call_duration: timedelta | None = None
    annotations_json: str = ""
    # Of a copied contact.
    contact_id: str = ""
    contact_folder_id: str = ""
    # As its carrier writes them; they come before the batch's.
    carrier_params: Params = field(default_factory=dict)
    # None: that of the batch.
    medium: Medium | None = None
    # An id, or as a client writes it a name. Empty: that of its batch or of its number.
    carrier_config: str = ""


@dataclass(frozen=True, slots=True)
class ScheduledCall:
    scheduled_call_id: ScheduledCallId
    batch_id: BatchId
    position: int
    address: str
    normalized_address: str
    custom_id: str
    time_zone: str
    priority: int
    caller_id: str
    template_context_json: str
    metadata: Mapping[str, str]
    state: ScheduledCallState
    state_reason: str
    dispatch_outcome: DispatchOutcome
    dispatched_at: datetime | None
    attempt_count: int
    call_id: CallId | None
    disposition: Disposition | None
    due_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    effective_time_zone: str = UTC_ZONE
    time_zone_source: TimeZoneSource = TimeZoneSource.BATCH
    ring_timeout: timedelta | None = None
    max_call_duration: timedelta | None = None
    annotations_json: str = ""
    # Empty for one that was copied from no contact.
    contact_id: str = ""
    contact_folder_id: str = ""
    carrier_params: Params = field(default_factory=dict)
    # None: that of the batch.
    medium: Medium | None = None
    # When the request of the latest call was let go.
    sent_at: datetime | None = None
    # The id of its own; empty without one.
    carrier_config: str = ""
