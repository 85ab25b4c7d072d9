"""A call: one try to reach one person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from outdial_server.domain.ids import AgentId, BatchId, CallId, ScheduledCallId


class CallState(IntEnum):
    """The numbers are stored; add, never change."""

    CLAIMED = 1
    SENDING = 2
    ACCEPTED = 3
    RINGING = 4
    IN_PROGRESS = 5
    UNKNOWN = 6
    ENDED = 7


LIVE_CALL_STATES: Final = frozenset(
    {
        CallState.SENDING,
        CallState.ACCEPTED,
        CallState.RINGING,
        CallState.IN_PROGRESS,
        CallState.UNKNOWN,
    }
)


class Disposition(IntEnum):
    """How a call ended. The numbers are stored."""

    ANSWERED_HUMAN = 1
    ANSWERED_MACHINE = 2
    BUSY = 3
    NO_ANSWER = 4
    REJECTED = 5
    INVALID_NUMBER = 6
    FAILED = 7
    CANCELLED = 8
    UNJOINED = 9
    PRESUMED_ENDED = 10
    UNKNOWN = 11


@dataclass(frozen=True, slots=True)
class CallTexts:
    """The agent's texts with the values of one person, as the call was made with them."""

    prompt: str = ""
    first_message: str = ""
    join_url: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is shown, from SENDING on."""

    call_id: CallId
    batch_id: BatchId
    scheduled_call_id: ScheduledCallId
    agent_id: AgentId
    attempt_number: int
    state: CallState
    disposition: Disposition | None
    reason: str
    address: str
    caller_id: str
    carrier: str
    carrier_call_id: str
    sent_at: datetime | None
    accepted_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    # Only where one call is asked for.
    texts: CallTexts | None = None


@dataclass(frozen=True, slots=True)
class CallTimes:
    """How long a call may ring and last; the carrier is told both."""

    ring_timeout: timedelta
    max_duration: timedelta
