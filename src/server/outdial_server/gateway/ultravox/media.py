"""Media: who dials, and whom."""

from typing import Annotated, Any, Final, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from outdial_server.gateway.ultravox.models import Proto, Span

DIALLED: Final = ("twilio", "telnyx", "plivo", "sip")
"""Media with `outgoing`, each named like the carrier that dials it."""

_SEVERAL: Final = "<"

To = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class Empty(Proto):
    pass


class Outgoing(Proto):
    to: To
    from_: str | None = Field(None, alias="from", max_length=512)
    additional_params: dict[str, Any] | None = None


class SipOutgoing(Proto):
    to: To
    from_: str | None = Field(None, alias="from", max_length=512)
    username: str | None = None
    # Never kept: the trunk's credentials are those of the account's carrier config.
    password: str | None = None


class UserTextMessage(Proto):
    text: str | None = None
    urgency: str | None = None


class DtmfHandling(Proto):
    ignore: bool | None = None
    user_text_message: UserTextMessage | None = None


class Telephony(Proto):
    outgoing: Outgoing | None = None
    dtmf_handling: DtmfHandling | None = None


class Exotel(Proto):
    dtmf_handling: DtmfHandling | None = None


class DataMessages(Proto):
    pong: bool | None = None
    state: bool | None = None
    transcript: bool | None = None
    client_tool_invocation: bool | None = None
    data_connection_tool_invocation: bool | None = None
    playback_clear_buffer: bool | None = None
    call_started: bool | None = None
    debug: bool | None = None
    call_event: bool | None = None
    tool_used: bool | None = None
    user_started_speaking: bool | None = None
    user_stopped_speaking: bool | None = None
    invoking_tool: bool | None = None


class WebRtc(Proto):
    data_messages: DataMessages | None = None


class ServerWebSocket(Proto):
    input_sample_rate: int
    output_sample_rate: int | None = None
    client_buffer_size_ms: int | None = None
    data_messages: DataMessages | None = None
    media_idle_timeout: Span | None = None


class Sip(Proto):
    incoming: Empty | None = None
    outgoing: SipOutgoing | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.incoming is None) == (self.outgoing is None):
            raise PydanticCustomError("sip", "Exactly one of incoming and outgoing must be set.")
        return self


class CallMedium(Proto):
    """At most one member; none of them is WebRTC."""

    web_rtc: WebRtc | None = None
    twilio: Telephony | None = None
    telnyx: Telephony | None = None
    plivo: Telephony | None = None
    exotel: Exotel | None = None
    server_web_socket: ServerWebSocket | None = None
    sip: Sip | None = None

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) > 1:
            raise PydanticCustomError("medium", "Only one medium may be set.")
        return self

    @property
    def dialled(self) -> tuple[str, Outgoing | SipOutgoing] | None:
        """By which carrier, and how; None where somebody else sees to it."""
        for carrier in DIALLED:
            medium: Telephony | Sip | None = getattr(self, carrier)
            if medium is not None and medium.outgoing is not None:
                return carrier, medium.outgoing
        return None

    @property
    def is_incoming(self) -> bool:
        return self.sip is not None and self.sip.incoming is not None


def address_of(carrier: str, to: str) -> str:
    """Of a SIP address the scheme may be left out. Raises PydanticCustomError."""
    if _SEVERAL in to:
        raise PydanticCustomError("to", "Several destinations are not dialled at once here.")
    is_uri = to.lower().startswith(("sip:", "sips:"))
    if carrier == "sip" and not is_uri and "@" not in to:
        raise PydanticCustomError("to", "Must be a SIP address.")
    return f"sip:{to}" if "@" in to and not is_uri else to


def shown(medium: Any) -> Any:
    """As it was given, but for what must not be read back."""
    sip = medium.get("sip") if isinstance(medium, dict) else None
    outgoing = sip.get("outgoing") if isinstance(sip, dict) else None
    if not isinstance(outgoing, dict) or "password" not in outgoing:
        return medium
    kept = {name: value for name, value in outgoing.items() if name != "password"}
    return {"sip": {"outgoing": kept}}


def made_up(carrier: str, address: str, caller_id: str, params: Any) -> Any:
    """The medium of a call that nobody gave one."""
    if carrier not in DIALLED:
        return None
    outgoing = {"to": address, "from": caller_id, "additionalParams": params}
    return {carrier: {"outgoing": {name: value for name, value in outgoing.items() if value}}}
