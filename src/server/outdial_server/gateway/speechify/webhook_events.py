"""Events by the names that endpoints ask for."""

from collections.abc import Iterable, Mapping
from typing import Final

from outdial.v1.batch_pb2 import BatchState
from outdial.v1.event_pb2 import EventType
from outdial.v1.webhook_pb2 import Webhook

from outdial_server.gateway.speechify.agent_webhooks import CONVERSATION_ENDS

ALL: Final = "*"
CONVERSATION: Final = "conversation.completed"

_ENDED: Final = EventType.EVENT_TYPE_BATCH_ENDED
_ENDS: Final[Mapping[str, BatchState.ValueType]] = {
    "batch_call.completed": BatchState.BATCH_STATE_COMPLETED,
    "batch_call.failed": BatchState.BATCH_STATE_FAILED,
}


def ask_for(webhook: Webhook, names: Iterable[str]) -> None:
    """Writes which events it is told of: all where nothing is written."""
    asked = set(names)
    if ALL in asked:
        return
    ends = [state for name, state in _ENDS.items() if name in asked]
    webhook.event_types.extend(CONVERSATION_ENDS if CONVERSATION in asked else ())
    webhook.event_types.extend((_ENDED,) if ends else ())
    webhook.batch_end_states.extend(ends)


def asked_for(webhook: Webhook) -> list[str]:
    types, ends = set(webhook.event_types), set(webhook.batch_end_states)
    if not types and not ends:
        return [ALL]
    names = [CONVERSATION] if not types or types & {*CONVERSATION_ENDS} else []
    if not types or _ENDED in types:
        names += [name for name, state in _ENDS.items() if not ends or state in ends]
    return names


def event_name(type_: int) -> str | None:
    """Of one that has happened; None where it depends on more than its type."""
    return CONVERSATION if type_ in CONVERSATION_ENDS else None
