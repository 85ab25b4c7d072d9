"""Parameters of the carrier's own that a caller may add to its calls."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final

ALLOWED: Final = frozenset(
    {
        "AsyncAmd",
        "Byoc",
        "CallReason",
        "CallToken",
        "CallerId",
        "ClientNotificationUrl",
        "FallbackMethod",
        "FallbackUrl",
        "MachineDetection",
        "MachineDetectionSilenceTimeout",
        "MachineDetectionSpeechEndThreshold",
        "MachineDetectionSpeechThreshold",
        "MachineDetectionTimeout",
        "Record",
        "RecordingChannels",
        "RecordingStatusCallback",
        "RecordingStatusCallbackEvent",
        "RecordingStatusCallbackMethod",
        "RecordingTrack",
        "SendDigits",
        "SipAuthPassword",
        "SipAuthUsername",
        "Trim",
    }
)

OURS: Final = {
    "To": "the address of the scheduled call",
    "From": "the caller ID",
    "Url": "the agent's join URL",
    "Method": "the agent's join URL",
    "Twiml": "the agent's join URL",
    "ApplicationSid": "the agent's join URL",
    "StatusCallback": "the scheduler, which needs it",
    "StatusCallbackMethod": "the scheduler, which needs it",
    "StatusCallbackEvent": "the scheduler, which needs it",
    "AsyncAmdStatusCallback": "the scheduler, which needs it",
    "AsyncAmdStatusCallbackMethod": "the scheduler, which needs it",
    "Timeout": "ring_timeout",
    "TimeLimit": "max_call_duration",
}
"""Parameters that are said in another way, and how."""

Value = str | int | float | bool | Sequence[str]


class ParamsError(ValueError):
    """A parameter that cannot be passed on; the message names it."""


def documented(params: Mapping[str, object]) -> dict[str, list[str]]:
    """The parameters as Twilio writes them, each with its values as text: `SendDigits` may be
    given as `send_digits` or `sendDigits`, too. Raises ParamsError."""
    found: dict[str, list[str]] = {}
    for name, value in params.items():
        written = _as_documented(name)
        if written in found:
            raise ParamsError(f"{name!r} is given twice")
        found[written] = _texts(name, value)
    return found


def _as_documented(name: str) -> str:
    written = "".join(part[:1].upper() + part[1:] for part in re.split("_+", name))
    if written in ALLOWED:
        return written
    if written in OURS:
        raise ParamsError(f"{name!r} is set by {OURS[written]}")
    near = get_close_matches(written, ALLOWED, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ParamsError(f"{name!r} is no parameter of Twilio's calls{hint}")


def _texts(name: str, value: object) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [_text(name, one) for one in values]


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    raise ParamsError(f"{name!r} must be text, a number, true or false, or a list of text")
