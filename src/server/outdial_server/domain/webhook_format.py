"""In whose words an endpoint is told: ours, or as one of the documented APIs tells it."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import CallState
from outdial_server.domain.event import BatchAfter, Event, EventType


class WebhookFormat(IntEnum):
    """The numbers are stored."""

    OUTDIAL = 1
    ULTRAVOX = 2
    SPEECHIFY = 3
    TRUEDY = 4


CALL_ENDS: Final = frozenset({EventType.CALL_ENDED, EventType.CALL_PRESUMED_ENDED})

_CALL: Final = CALL_ENDS | {EventType.CALL_SENDING, EventType.CALL_IN_PROGRESS}

TELLS: Final[Mapping[WebhookFormat, frozenset[EventType]]] = {
    WebhookFormat.OUTDIAL: frozenset(EventType),
    WebhookFormat.ULTRAVOX: _CALL,
    WebhookFormat.SPEECHIFY: CALL_ENDS | {EventType.CONVERSATION_REPORTED, EventType.BATCH_ENDED},
    WebhookFormat.TRUEDY: _CALL | {EventType.BATCH_STATE_CHANGED, EventType.BATCH_ENDED},
}
"""The events that a format has a word for."""

_ENDS_TOLD: Final[Mapping[WebhookFormat, frozenset[BatchState]]] = {
    WebhookFormat.SPEECHIFY: frozenset({BatchState.COMPLETED, BatchState.FAILED}),
    WebhookFormat.TRUEDY: frozenset({BatchState.COMPLETED}),
}
"""Of batches; how others end has no word."""


def has_a_word_for(form: WebhookFormat, event: Event) -> bool:
    if event.type not in TELLS[form]:
        return False
    if form is WebhookFormat.OUTDIAL:
        return True
    after = event.after
    if isinstance(after, BatchAfter):
        is_end = event.type is EventType.BATCH_ENDED
        return not is_end or BatchState(after.state) in _ENDS_TOLD[form]
    # What is said while the call goes on is told at its end.
    said = event.type is EventType.CONVERSATION_REPORTED
    return after.call_id is not None and (not said or after.call_state is CallState.ENDED)
