"""Calls and batches as others' payloads tell them: with what stands beside them in our rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final

from outdial_server.domain.batch import Batch
from outdial_server.domain.call import Call, CallState, CallTimes
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import CallId


class CallMoment(Enum):
    """What a call is told at."""

    STARTED = "started"
    JOINED = "joined"
    ENDED = "ended"


_MOMENTS: Final = {
    EventType.CALL_SENDING: CallMoment.STARTED,
    EventType.CALL_IN_PROGRESS: CallMoment.JOINED,
    EventType.CALL_ENDED: CallMoment.ENDED,
    EventType.CALL_PRESUMED_ENDED: CallMoment.ENDED,
}


def moment_of(event_type: EventType) -> CallMoment:
    return _MOMENTS[event_type]


@dataclass(frozen=True, slots=True)
class ToldCall:
    """`call` is with its texts and its conversation."""

    call: Call
    created_at: datetime
    agent_name: str
    times: CallTimes
    metadata: Mapping[str, str] = field(default_factory=dict)
    custom_id: str = ""
    annotations_json: str = ""
    agent_annotations_json: str = ""

    def at(self, moment: CallMoment) -> "ToldCall":
        """Without what came later: a payload is made when it is sent, which may be hours after
        what it tells, and again for each try."""
        if moment is CallMoment.ENDED:
            return self
        call = replace(
            self.call,
            state=CallState.IN_PROGRESS,
            ended_at=None,
            disposition=None,
            reason="",
            conversation=None,
        )
        if moment is CallMoment.STARTED:
            call = replace(
                call, state=CallState.SENDING, accepted_at=None, ringing_at=None, answered_at=None
            )
        return replace(self, call=call)


@dataclass(frozen=True, slots=True)
class Told:
    """What events of a batch are about, as it is now; what was erased is missing."""

    batch: Batch | None = None
    calls: Mapping[CallId, ToldCall] = field(default_factory=dict)
