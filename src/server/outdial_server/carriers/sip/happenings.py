"""What happens to a call over SIP, and what can be done about it. Values alone, between the
decisions and the wire."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from outdial_server.domain.call import Disposition
from outdial_server.domain.report import ReportKind
from outdial_server.ports.carrier import DialResult


class Side(Enum):
    CALLEE = "callee"
    AGENT = "agent"

    @property
    def other(self) -> "Side":
        return Side.AGENT if self is Side.CALLEE else Side.CALLEE


class Timer(Enum):
    # The request must be answered now.
    VERDICT = "verdict"
    RING = "ring"
    JOIN = "join"
    TALK = "talk"


# --- what happens


@dataclass(frozen=True, slots=True)
class Placed:
    pass


@dataclass(frozen=True, slots=True)
class Progressed:
    side: Side
    code: int


@dataclass(frozen=True, slots=True)
class Answered:
    """`sdp` is an offer or an answer, by who was asked how; empty for none."""

    side: Side
    sdp: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The INVITE was refused; or nothing came within 32 s, which is no answer and counts as
    408."""

    side: Side
    code: int
    phrase: str = ""
    retry_after: timedelta | None = None
    is_answer: bool = True


@dataclass(frozen=True, slots=True)
class Left:
    """Said BYE."""

    side: Side


@dataclass(frozen=True, slots=True)
class Gone:
    """Of this leg nothing more will come."""

    side: Side


@dataclass(frozen=True, slots=True)
class TimedOut:
    timer: Timer


@dataclass(frozen=True, slots=True)
class HungUp:
    """By us."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A party wants the session changed: hold, another codec, a refresh. Or it says something
    that needs no answer, such as a digit. What it is, is the wire's business."""

    side: Side
    what: object
    needs_answer: bool = True


@dataclass(frozen=True, slots=True)
class Settled:
    """The proposal that was passed on is answered."""


OnLeg = Progressed | Answered | Failed | Left | Gone | Proposed | Settled
Happening = Placed | TimedOut | HungUp | OnLeg


# --- what is to be done


@dataclass(frozen=True, slots=True)
class Invite:
    """With an offer, or without SDP: then who is called makes it."""

    side: Side
    sdp: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Answers the offer that came with a 200."""

    side: Side
    sdp: str


@dataclass(frozen=True, slots=True)
class Reinvite:
    side: Side
    sdp: str


@dataclass(frozen=True, slots=True)
class PassOn:
    """Hands a proposal to this side, and its answer back."""

    side: Side
    what: object


@dataclass(frozen=True, slots=True)
class Decline:
    """A proposal of this side."""

    side: Side


@dataclass(frozen=True, slots=True)
class Drop:
    """CANCEL or BYE, as fits; nothing where there is no leg."""

    side: Side


@dataclass(frozen=True, slots=True)
class Start:
    timer: Timer
    seconds: float


@dataclass(frozen=True, slots=True)
class Judge:
    """The answer to the request, given once."""

    result: DialResult


@dataclass(frozen=True, slots=True)
class Tell:
    kind: ReportKind
    disposition: Disposition | None = None
    reason: str = ""


ToLeg = Invite | Acknowledge | Reinvite | PassOn | Decline | Drop
Action = ToLeg | Start | Judge | Tell
