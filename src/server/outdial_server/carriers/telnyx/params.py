"""Parameters of Telnyx's own that a caller may add to its calls."""

from collections.abc import Mapping
from typing import Final

from outdial_server.carriers.params import KnownParams, snake_case
from outdial_server.domain.carrier_params import Params

ALLOWED: Final = frozenset(
    {
        "answering_machine_detection",
        "answering_machine_detection_config",
        "billing_group_id",
        "custom_headers",
        "deepfake_detection",
        "from_display_name",
        "media_encryption",
        "preferred_codecs",
        "privacy",
        "record",
        "record_channels",
        "record_custom_file_name",
        "record_format",
        "record_max_length",
        "record_timeout_secs",
        "record_track",
        "record_trim",
        "send_digits_on_answer",
        "send_silence_when_idle",
        "sip_auth_password",
        "sip_auth_username",
        "sip_headers",
        "sip_region",
        "sip_transport_protocol",
        "sound_modifications",
        "stream_auth_token",
        "stream_bidirectional_codec",
        "stream_bidirectional_mode",
        "stream_bidirectional_sampling_rate",
        "stream_bidirectional_target_legs",
        "stream_codec",
        "stream_establish_before_call_originate",
        "stream_track",
        "transcription",
        "transcription_config",
    }
)

_THE_AGENT: Final = "the agent's join URL, to which every call goes"
_THE_SCHEDULER: Final = "the scheduler, which needs it"

OURS: Final = {
    "to": "the address of the scheduled call",
    "from": "the caller ID",
    "connection_id": "the carrier config",
    "timeout_secs": "ring_timeout",
    "retry_on_timeout": "ring_timeout",
    "time_limit_secs": "max_call_duration",
    **dict.fromkeys(
        (
            "client_state",
            "command_id",
            "webhook_retries_policies",
            "webhook_url",
            "webhook_url_method",
            "webhook_urls",
            "webhook_urls_method",
        ),
        _THE_SCHEDULER,
    ),
    **dict.fromkeys(
        (
            "assistant",
            "audio_url",
            "bridge_intent",
            "bridge_on_answer",
            "conference_config",
            "conversation_relay_config",
            "dialogflow_config",
            "enable_dialogflow",
            "link_to",
            "media_name",
            "park_after_unbridge",
            "prevent_double_bridge",
            "stream_url",
            "supervise_call_control_id",
            "supervisor_role",
        ),
        _THE_AGENT,
    ),
}
"""Parameters that are said in another way, and how."""


def value_fault(value: object) -> str:
    return "" if _is_plain(value) else _NOT_PLAIN


_NOT_PLAIN: Final = "must be text, a number, true or false, or a list or map of them"


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    return isinstance(value, str | int | float)


KNOWN: Final = KnownParams("Telnyx", ALLOWED, OURS, snake_case, value_fault)


def documented(params: Params) -> dict[str, object]:
    """The parameters as Telnyx writes them. Raises ParamsError."""
    return {name: json_value(value) for name, value in KNOWN.write(params).items()}


def json_value(value: object) -> object:
    """As JSON has it. Whole numbers may come as floats, which Telnyx would not take."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [json_value(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): json_value(one) for key, one in value.items()}
    return value
