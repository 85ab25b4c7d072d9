"""Parameters of the carrier's own that a caller may add to its calls."""

from typing import Final

from outdial_server.carriers.params import KnownParams
from outdial_server.carriers.twiml.spelling import pascal_case
from outdial_server.domain.carrier_params import Params

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


def _value_fault(value: object) -> str:
    values = value if isinstance(value, list | tuple) else [value]
    if all(isinstance(one, str | int | float) for one in values):
        return ""
    return "must be text, a number, true or false, or a list of them"


KNOWN: Final = KnownParams("Twilio", ALLOWED, OURS, pascal_case, _value_fault)


def documented(params: Params) -> dict[str, list[str]]:
    """The parameters as Twilio writes them, each with its values as text. Raises
    ParamsError."""
    return {name: _texts(value) for name, value in KNOWN.write(params).items()}


def _texts(value: object) -> list[str]:
    return [_text(one) for one in (value if isinstance(value, list | tuple) else [value])]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
