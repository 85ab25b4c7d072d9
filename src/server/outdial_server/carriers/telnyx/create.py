"""The request that creates a call, and what its refusals mean."""

from base64 import b64decode, b64encode
from math import ceil
from typing import Final

import orjson

from outdial_server.carriers.answers import field
from outdial_server.carriers.telnyx.account import TelnyxAccount
from outdial_server.carriers.telnyx.params import documented
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import Fault
from outdial_server.outgoing.answer import Answer
from outdial_server.ports.carrier import DialRequest, Refused

RING_SECONDS: Final = (5, 600)
CALL_SECONDS: Final = (30, 14_400)
"""Telnyx takes nothing below and nothing above."""


def create_body(account: TelnyxAccount, request: DialRequest, callback_url: str) -> bytes:
    """`callback_url` is that of this call. Raises ParamsError."""
    body: dict[str, object] = {
        "connection_id": account.connection_id,
        "to": request.address,
        "from": request.caller_id,
        "timeout_secs": seconds_within(RING_SECONDS, request.ring_timeout.total_seconds()),
        "time_limit_secs": seconds_within(CALL_SECONDS, request.max_duration.total_seconds()),
        # Else another route is tried once the ring time is over, and the phone rings anew.
        "retry_on_timeout": False,
        "client_state": client_state(request.call_id),
        # The same call, sent again within a minute, rings once.
        "command_id": request.call_id,
        "webhook_url": callback_url,
        "webhook_url_method": "POST",
        "stream_url": request.join_url,
        # The default sends the agent's voice as files.
        "stream_bidirectional_mode": "rtp",
    }
    if account.detect_machines:
        body["answering_machine_detection"] = "detect"
    return orjson.dumps(body | documented(request.params))


def seconds_within(bounds: tuple[int, int], seconds: float) -> int:
    least, most = bounds
    return max(least, min(most, ceil(seconds)))


def client_state(call_id: CallId) -> str:
    """What Telnyx gives back with everything that it says of the call."""
    return b64encode(call_id.encode()).decode()


def call_id_in(state: object) -> CallId | None:
    """None for what no request of ours can have said."""
    if not isinstance(state, str):
        return None
    try:
        return CallId(b64decode(state, validate=True).decode("ascii")) or None
    except ValueError:
        return None


_NUMBER_CODES: Final = frozenset({"10002", "10016"})
_SETUP_CODES: Final = frozenset({"10009", "10010", "10015"})
_SETUP_FIELDS: Final = frozenset(
    {
        "/connection_id",
        "/stream_url",
        "/webhook_url",
        "/ApplicationSid",
        "/StatusCallback",
        "/Texml",
        "/Url",
    }
)
"""Of Call Control, and of TeXML."""


def code_of(answer: Answer) -> str | None:
    """Of the first error: there is mostly one."""
    code = field(answer, "errors", 0, "code")
    return code if isinstance(code, str) and code.isascii() and code.isdigit() else None


def known_refusal(answer: Answer) -> Refused | None:
    """A field that is the same for every call of the batch tells more than the code."""
    code = code_of(answer)
    if code is None:
        return None
    reason = f"TELNYX_{code}"
    pointer = field(answer, "errors", 0, "source", "pointer")
    if code in _SETUP_CODES or pointer in _SETUP_FIELDS:
        return Refused(reason, Fault.CONFIGURATION)
    if pointer in ("/from", "/From"):
        return Refused(reason, Fault.CALLER_ID)
    if code in _NUMBER_CODES:
        return Refused(reason, Fault.CALL, Disposition.INVALID_NUMBER)
    return None
