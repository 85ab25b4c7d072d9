"""What brought an event about, as it is stored: nothing where it is what brings about nearly all
events of that type. A call has four or five of them, and the words take a fifth of their room."""

from collections.abc import Mapping
from typing import Final

from outdial_server.domain.event import EventType

_USUAL: Final[Mapping[int, str]] = {
    EventType.CALL_SENDING: "SCHEDULER",
    EventType.CALL_ACCEPTED: "CARRIER",
    EventType.CALL_RINGING: "CARRIER",
    EventType.CALL_IN_PROGRESS: "CARRIER",
    EventType.CALL_ENDED: "CARRIER",
}
"""Stored events are read by it: what stands here stays as it is, for good."""


def stored_cause(event_type: int, cause: str) -> str:
    return "" if _USUAL.get(event_type) == cause else cause


def cause_from(event_type: int, stored: str) -> str:
    return stored or _USUAL.get(event_type, "")
