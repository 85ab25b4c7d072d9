"""Reports: what is learnt about a call, from the carrier, the dialler or a person."""

from datetime import timedelta
from enum import IntEnum
from typing import Final, NamedTuple

from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId


class ReportKind(IntEnum):
    # The carrier took the request.
    ACCEPTED = 1
    # No byte of the request left, or the carrier turned it away unprocessed.
    NOT_SENT = 2
    # The carrier refused this call; `fault` says whose fault.
    REFUSED = 3
    # The request left and no clear answer came.
    UNCLEAR = 4
    RINGING = 5
    ANSWERED = 6
    ENDED = 7
    # The carrier says for certain that it never had this call.
    NOT_PLACED = 8
    # No word for longer than the call can have lasted.
    PRESUMED_ENDED = 9
    # A person says of an unknown call that it was not placed, and wants it dialled.
    DIAL_AGAIN = 10
    # A person says of an unknown call that it was not placed, and leaves it at that.
    GIVE_UP = 11
    # A person says of an unknown call that it was placed, and how it ended.
    PLACED = 12
    # Somebody else was to see to the call, and nobody has joined it in time.
    UNJOINED = 13


class Fault(IntEnum):
    """Whose fault a refusal is."""

    # This call alone: the number, or a bad value of it.
    CALL = 1
    # Every call would meet it: credentials, destination not enabled.
    CONFIGURATION = 2
    # Every call that shows this caller ID would: it is not the account's, or blocked.
    CALLER_ID = 3


class Evidence(IntEnum):
    """What the end of a request tells of the carrier account that it went to."""

    # It was dealt with, whatever came of it.
    WORKS = 1
    # Turned away unprocessed: too much is asked of it.
    TOO_MUCH = 2
    # No connection, no clear answer, or a refusal that every call would meet.
    FAILS = 3


class CallReport(NamedTuple):
    """One thing learnt about one call. A tuple: each call has four or five.

    `fence` is set by whoever acted under a claim (the dialler, the reaper): a report
    under an older fence changes nothing. Evidence from a carrier carries none.
    `disposition` is how the call ended; with ANSWERED it may be
    ANSWERED_MACHINE, which then is how the call ends. `cause` is that of the event, where
    the report makes one and its kind does not say. For `batch_rests` the batch of the call
    dials nobody. `rang` is for the end of a call, as its carrier has it on record: whether a
    phone has rung. None is for news, which does not say.
    """

    call_id: CallId
    kind: ReportKind
    carrier_call_id: str = ""
    disposition: Disposition | None = None
    reason: str = ""
    fault: Fault = Fault.CALL
    retry_after: timedelta | None = None
    fence: int | None = None
    cause: str = "CARRIER"
    # None where nothing was asked of the carrier.
    evidence: Evidence | None = None
    batch_rests: timedelta | None = None
    rang: bool | None = None


_ORDER: Final = (
    ReportKind.UNCLEAR,
    ReportKind.ACCEPTED,
    ReportKind.RINGING,
    ReportKind.ANSWERED,
    ReportKind.ENDED,
    ReportKind.PLACED,
    ReportKind.UNJOINED,
    ReportKind.PRESUMED_ENDED,
    ReportKind.REFUSED,
    ReportKind.NOT_SENT,
    ReportKind.GIVE_UP,
    ReportKind.NOT_PLACED,
    ReportKind.DIAL_AGAIN,
)


def in_order(reports: list[CallReport]) -> list[CallReport]:
    """Reports of one call, earliest in a call's life first, so that a group which holds
    several is applied as if they had come in order. Where they contradict each other,
    what shows that the call was placed comes before what leads to another try."""
    return sorted(reports, key=lambda report: _ORDER.index(report.kind))
