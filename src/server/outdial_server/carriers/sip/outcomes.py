"""What a final SIP answer says: of the request, and of the call."""

from datetime import timedelta
from typing import Final

from outdial_server.carriers.sip_codes import SIP_ENDS
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import Fault
from outdial_server.ports.carrier import THROTTLED, DialResult, NotSent, Refused

_MISCONFIGURED: Final = frozenset({401, 403, 405, 407, 415, 416, 420, 421, 488, 494, 505})
"""Every call would meet it: credentials, the caller's rights, codecs, extensions."""

_NO_ROOM: Final = 503
_FORBIDDEN: Final = 403
_TERMINATED: Final = 487

_AGENT_MISCONFIGURED: Final = _MISCONFIGURED | {404, 410, 484, 604, 606}

AGENT_AGAIN_AFTER: Final = timedelta(seconds=5)


def refusal(code: int, phrase: str, retry_after: timedelta | None) -> DialResult | None:
    """Of a request that was refused before any phone rang; None where that is how a call went
    that was taken: busy, declined, failed on its way."""
    if code == _NO_ROOM or (code == _FORBIDDEN and "limit" in phrase.lower()):
        return NotSent(THROTTLED, retry_after)
    if code in _MISCONFIGURED:
        return Refused(f"SIP_{code}", Fault.CONFIGURATION)
    if SIP_ENDS.get(str(code)) is Disposition.INVALID_NUMBER:
        return Refused(f"SIP_{code}", Fault.CALL, Disposition.INVALID_NUMBER)
    return None


def disposition_of(code: int) -> Disposition:
    if code == _TERMINATED:
        # Not by us: whoever rings it has given up.
        return Disposition.NO_ANSWER
    return SIP_ENDS.get(str(code), Disposition.FAILED)


def agent_refusal(code: int, retry_after: timedelta | None) -> DialResult:
    """Of an agent that is asked first: nobody has been called yet."""
    reason = f"AGENT_SIP_{code}"
    if code in _AGENT_MISCONFIGURED:
        return Refused(reason, Fault.CONFIGURATION)
    return no_agent(reason, retry_after)


def no_agent(reason: str, retry_after: timedelta | None = None) -> NotSent:
    """Says nothing of the trunk, which has not been asked."""
    return NotSent(reason, retry_after or AGENT_AGAIN_AFTER, tells_of_carrier=False)
