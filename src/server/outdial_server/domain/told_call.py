"""A call as others' payloads tell it: with what stands beside it in our rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from outdial_server.domain.call import Call, CallState, CallTimes


class CallMoment(Enum):
    """What a call is told at."""

    STARTED = "started"
    JOINED = "joined"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ToldCall:
    """`call` is with its texts."""

    call: Call
    created_at: datetime
    agent_name: str
    times: CallTimes
    metadata: Mapping[str, str] = field(default_factory=dict)
    custom_id: str = ""
    annotations_json: str = ""

    def at(self, moment: CallMoment) -> "ToldCall":
        """Without what came later: a payload is made when it is sent, which may be hours after
        what it tells, and again for each try."""
        if moment is CallMoment.ENDED:
            return self
        call = replace(
            self.call, state=CallState.IN_PROGRESS, ended_at=None, disposition=None, reason=""
        )
        if moment is CallMoment.STARTED:
            call = replace(
                call, state=CallState.SENDING, accepted_at=None, ringing_at=None, answered_at=None
            )
        return replace(self, call=call)
