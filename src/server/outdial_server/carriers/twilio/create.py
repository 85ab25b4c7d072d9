"""The request that creates a call, and what its refusals mean."""

from math import ceil
from typing import Final
from urllib.parse import urlencode

from outdial_server.carriers.answers import field
from outdial_server.carriers.twilio.account import TwilioAccount
from outdial_server.carriers.twilio.params import documented
from outdial_server.carriers.twiml.markup import answers_itself, connected
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import Fault
from outdial_server.outgoing.answer import Answer
from outdial_server.ports.carrier import DialRequest, Refused

RING_MOST_SECONDS: Final = 600
HEARD: Final = "heard"
"""Below the URL of a call: who answered."""

EVENTS: Final = ("initiated", "ringing", "answered", "completed")


def create_form(account: TwilioAccount, request: DialRequest, callback_url: str) -> bytes:
    """`callback_url` is that of this call. Raises ParamsError."""
    ring_seconds = min(RING_MOST_SECONDS, ceil(request.ring_timeout.total_seconds()))
    form = [
        ("To", request.address),
        ("From", request.caller_id),
        _media(request),
        ("StatusCallback", callback_url),
        *(("StatusCallbackEvent", event) for event in EVENTS),
        ("Timeout", str(ring_seconds)),
        ("TimeLimit", str(ceil(request.max_duration.total_seconds()))),
    ]
    chosen = documented(request.params)
    if account.detect_machines:
        chosen = {"MachineDetection": ["Enable"]} | chosen
    if "MachineDetection" in chosen:
        # Else whoever answers hears nothing until it is decided.
        chosen = {"AsyncAmd": ["true"]} | chosen
        form.append(("AsyncAmdStatusCallback", f"{callback_url}/{HEARD}"))
    form += [(name, value) for name, values in chosen.items() for value in values]
    return urlencode(form).encode()


def _media(request: DialRequest) -> tuple[str, str]:
    """A web page of the agent answers with TwiML of its own; a socket is connected to."""
    if answers_itself(request.join_url):
        return "Url", request.join_url
    return "Twiml", connected(request.join_url, request.call_id)


_NUMBER: Final = Fault.CALL, Disposition.INVALID_NUMBER
_SETUP: Final = Fault.CONFIGURATION, Disposition.FAILED
_CALLER_ID: Final = Fault.CALLER_ID, Disposition.FAILED

_CODES: Final = {
    # `To` is no number, or the same as `From`.
    21211: _NUMBER,
    # It cannot be reached through Twilio.
    13224: _NUMBER,
    21214: _NUMBER,
    # Its country is not enabled.
    21215: _SETUP,
    13227: _SETUP,
    32205: _SETUP,
    # A trial account, and a number that it has not verified.
    21219: _SETUP,
    21210: _CALLER_ID,
    21212: _CALLER_ID,
    # The URL.
    21205: _SETUP,
    20003: _SETUP,
}


def known_refusal(answer: Answer) -> Refused | None:
    code = field(answer, "code")
    if not isinstance(code, int) or code not in _CODES:
        return None
    fault, disposition = _CODES[code]
    return Refused(f"TWILIO_{code}", fault, disposition)
