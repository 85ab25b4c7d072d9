"""Parameters of Plivo's own that a caller may add to its calls."""

from typing import Final

from outdial_server.carriers.params import KnownParams, snake_case
from outdial_server.domain.carrier_params import Params

ALLOWED: Final = frozenset(
    {
        "caller_name",
        "error_if_parent_not_found",
        "machine_detection",
        "machine_detection_initial_greeting",
        "machine_detection_initial_silence",
        "machine_detection_maximum_speech_length",
        "machine_detection_maximum_words",
        "machine_detection_silence",
        "machine_detection_time",
        "parent_call_uuid",
        "send_digits",
        "send_on_preanswer",
        "sip_headers",
    }
)

_THE_AGENT: Final = "the agent's join URL"
_THE_SCHEDULER: Final = "the scheduler, which needs it"

OURS: Final = {
    "to": "the address of the scheduled call",
    "from": "the caller ID",
    "ring_timeout": "ring_timeout",
    "hangup_on_ring": "ring_timeout",
    "time_limit": "max_call_duration",
    **dict.fromkeys(("answer_url", "answer_method", "fallback_url", "fallback_method"), _THE_AGENT),
    **dict.fromkeys(
        (
            "callback_method",
            "callback_url",
            "hangup_method",
            "hangup_url",
            "machine_detection_method",
            "machine_detection_url",
            "ring_method",
            "ring_url",
        ),
        _THE_SCHEDULER,
    ),
}
"""Parameters that are said in another way, and how."""


def _value_fault(value: object) -> str:
    return "" if isinstance(value, str | int | float) else "must be text, a number, true or false"


KNOWN: Final = KnownParams("Plivo", ALLOWED, OURS, snake_case, _value_fault)


def documented(params: Params) -> dict[str, object]:
    """The parameters as Plivo writes them. Raises ParamsError."""
    return {name: _value(value) for name, value in KNOWN.write(params).items()}


def _value(value: object) -> object:
    """Whole numbers may come as floats, which Plivo would not take."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
