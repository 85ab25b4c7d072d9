"""Events by the names that endpoints ask for."""

from collections.abc import Iterable
from typing import Final

from fastapi.exceptions import RequestValidationError
from outdial.v1.event_pb2 import EventType

from outdial_server.gateway.speechify.agent_webhooks import CONVERSATION_ENDS
from outdial_server.gateway.speechify.recipients import fault

ALL: Final = "*"
CONVERSATION: Final = "conversation.completed"
ENDS: Final = ("batch_call.completed", "batch_call.failed")

_ENDED: Final = EventType.EVENT_TYPE_BATCH_ENDED


def event_types(names: Iterable[str]) -> list[EventType.ValueType]:
    """Empty for all. Raises RequestValidationError."""
    asked = set(names)
    if ALL in asked:
        return []
    if asked & {*ENDS} and not asked >= {*ENDS}:
        words = f"{ENDS[0]} and {ENDS[1]} come together: name both or none"
        raise RequestValidationError([fault(("enabled_events",), words)])
    of_calls = list(CONVERSATION_ENDS) if CONVERSATION in asked else []
    return [*of_calls, _ENDED] if asked & {*ENDS} else of_calls


def event_names(types: Iterable[int]) -> list[str]:
    asked = set(types)
    if not asked:
        return [ALL]
    names = [CONVERSATION] if asked & {*CONVERSATION_ENDS} else []
    return [*names, *ENDS] if _ENDED in asked else names


def event_name(type_: int) -> str | None:
    """Of one that has happened; None where it depends on more than its type."""
    return CONVERSATION if type_ in CONVERSATION_ENDS else None
