"""A call: one try to reach one person."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from outdial_server.domain.carrier_params import Params
from outdial_server.domain.conversation import Conversation
from outdial_server.domain.errors import PreconditionError, Reason
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
class DirectPart:
    """What is known of a direct call besides; a call of a batch has it in its scheduled
    call."""

    created_at: datetime
    # Not dialled at or after it.
    expires_at: datetime
    # Only where one call is asked for.
    template_context_json: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    carrier_params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is shown: from SENDING on, and a direct one from its making on, when it is
    CLAIMED until it is sent."""

    call_id: CallId
    # Both None for a direct call.
    batch_id: BatchId | None
    scheduled_call_id: ScheduledCallId | None
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
    # The id of the carrier config that it went through; empty for none.
    carrier_config: str = ""
    # Only where one call is asked for.
    texts: CallTexts | None = None
    # None for a call of a batch.
    direct: DirectPart | None = None
    # Only where one call is asked for, and only where it was reported.
    conversation: Conversation | None = None


def refuse_unended(call: Call) -> None:
    """Raises PreconditionError (CALL_NOT_ENDED)."""
    if call.state is not CallState.ENDED:
        raise PreconditionError(
            Reason.CALL_NOT_ENDED,
            f"a call in {call.state.name} cannot be deleted; only one that has ended can",
            {"state": call.state.name},
        )


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls of an account; None, or nothing, for any."""

    batch_id: BatchId | None = None
    scheduled_call_id: ScheduledCallId | None = None
    states: Collection[CallState] = ()
    only_direct: bool = False
    agent_ids: Collection[AgentId] = ()
    # Made at this moment or later, and before that one.
    created_from: datetime | None = None
    created_before: datetime | None = None
    # Of how they ended.
    dispositions: Collection[Disposition] = ()

    @property
    def is_searched(self) -> bool:
        """Whether no index gives those of a batch that fit."""
        listed = self.states or self.agent_ids or self.dispositions
        return bool(listed or self.created_from or self.created_before)


ANY_CALL: Final = CallFilter()


@dataclass(frozen=True, slots=True)
class CallTimes:
    """How long a call may ring and last; the carrier is told both."""

    ring_timeout: timedelta
    max_duration: timedelta
