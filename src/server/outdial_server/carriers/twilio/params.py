"""Parameters of the carrier's own that a caller may add to its calls."""

import re
from collections.abc import Mapping
from typing import Final

from outdial_server.carriers.params import KnownParams, ParamsError

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


def _spelled(name: str) -> str:
    """`SendDigits` may be given as `send_digits` or `sendDigits`, too."""
    return "".join(part[:1].upper() + part[1:] for part in re.split("_+", name))


_KNOWN: Final = KnownParams("Twilio", ALLOWED, OURS, _spelled)


def documented(params: Mapping[str, object]) -> dict[str, list[str]]:
    """The parameters as Twilio writes them, each with its values as text. Raises
    ParamsError."""
    found = _KNOWN.documented(params)
    return {written: _texts(name, value) for written, (name, value) in found.items()}


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
