"""Parameters of TeXML's own that a caller may add to its calls."""

from typing import Final

from outdial_server.carriers.params import KnownParams
from outdial_server.carriers.telnyx.params import json_value, value_fault
from outdial_server.carriers.twiml.spelling import pascal_case
from outdial_server.domain.carrier_params import Params

ALLOWED: Final = frozenset(
    {
        "AsyncAmd",
        "CallerId",
        "CancelPlaybackOnDetectMessageEnd",
        "CancelPlaybackOnMachineDetection",
        "CustomHeaders",
        "DeepfakeDetection",
        "DeepfakeDetectionCallbackMethod",
        "DeepfakeDetectionCallbackUrl",
        "DetectionMode",
        "FallbackUrl",
        "MachineDetection",
        "MachineDetectionPromptEndTimeout",
        "MachineDetectionSilenceTimeout",
        "MachineDetectionSpeechEndThreshold",
        "MachineDetectionSpeechThreshold",
        "MachineDetectionTimeout",
        "MediaEncryption",
        "PreferredCodecs",
        "Record",
        "RecordingChannels",
        "RecordingStatusCallback",
        "RecordingStatusCallbackEvent",
        "RecordingStatusCallbackMethod",
        "RecordingTimeout",
        "RecordingTrack",
        "SendRecordingUrl",
        "SipAuthPassword",
        "SipAuthUsername",
        "SipRegion",
        "Trim",
    }
)

_THE_AGENT: Final = "the agent's join URL, to which every call goes"
_THE_SCHEDULER: Final = "the scheduler, which needs it"

OURS: Final = {
    "To": "the address of the scheduled call",
    "From": "the caller ID",
    "ApplicationSid": "the carrier config",
    "Timeout": "ring_timeout",
    "TimeLimit": "max_call_duration",
    **dict.fromkeys(
        ("SuperviseCallSid", "SupervisingRole", "Texml", "Url", "UrlMethod"), _THE_AGENT
    ),
    **dict.fromkeys(
        (
            "AsyncAmdStatusCallback",
            "AsyncAmdStatusCallbackMethod",
            "StatusCallback",
            "StatusCallbackEvent",
            "StatusCallbackMethod",
        ),
        _THE_SCHEDULER,
    ),
}
"""Parameters that are said in another way, and how."""

KNOWN: Final = KnownParams("TeXML", ALLOWED, OURS, pascal_case, value_fault)


def documented(params: Params) -> dict[str, object]:
    """The parameters as Telnyx writes them. Raises ParamsError."""
    return {name: json_value(value) for name, value in KNOWN.write(params).items()}
