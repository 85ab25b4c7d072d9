"""What is wrong with a carrier account, or with a number there, as the ends of requests tell it,
and what that holds back. Where nothing is wrong there is no trouble, and nothing is kept."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from outdial_server.domain.breaker import ACCOUNT_TERMS, CLOSED, NUMBER_TERMS, Breaker
from outdial_server.domain.carrier_pace import FALL, RESTART, Pace, fallen
from outdial_server.domain.report import Evidence

CARRIER_ASKED_TO_WAIT: Final = "CARRIER_ASKED_TO_WAIT"
CARRIER_FAILING: Final = "CARRIER_FAILING"
CALLER_ID_REFUSED: Final = "CALLER_ID_REFUSED"
PROBE_OUT: Final = "PROBE_OUT"
PROBE_ENDS: Final = "PROBE_ENDS"


class Sign(NamedTuple):
    """The end of one request, that was let go at `sent_at`."""

    evidence: Evidence
    sent_at: datetime
    reason: str = ""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds calls back at one moment. `left` is how many may go all the same: one, to
    find out, or none until `next_at`, or until what it waits for."""

    left: int
    reason: str
    next_at: datetime | None = None
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A trouble as it is shown, of one moment."""

    reason: str
    # None: as soon as somebody waits.
    until: datetime | None
    # What the last request that failed came to.
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    breaker: Breaker = CLOSED
    # The carrier asked for it.
    wait_until: datetime | None = None
    # Of an account.
    pace: Pace | None = None

    def hold(self, now: datetime, failing: str = CARRIER_FAILING) -> Hold | None:
        """None where calls may go. `failing` is what an open breaker means."""
        breaker = self.breaker
        if self.wait_until is not None and now < self.wait_until:
            until = max(self.wait_until, breaker.probe_at or self.wait_until)
            return Hold(0, CARRIER_ASKED_TO_WAIT, until)
        left = breaker.passes(now)
        if left is None:
            return None
        if left or breaker.probing_until is None:
            return Hold(left, failing, None if left else breaker.probe_at)
        return Hold(0, PROBE_OUT, breaker.probing_until, PROBE_ENDS)

    def held(self, now: datetime, failing: str = CARRIER_FAILING) -> Held | None:
        """None where calls may go."""
        hold = self.hold(now, failing)
        return None if hold is None else Held(hold.reason, hold.next_at, self.breaker.reason)

    def is_over(self, ceiling: float, now: datetime) -> bool:
        """Whether it makes no difference any more."""
        waits = self.wait_until is not None and now < self.wait_until
        is_slow = self.pace is not None and self.pace.at(now) < ceiling
        return self.breaker == CLOSED and not waits and not is_slow

    def probed(self, now: datetime) -> "Trouble":
        """A call is let go through the open breaker."""
        return replace(self, breaker=self.breaker.probed(now))

    @property
    def foreseen(self) -> "Trouble":
        """As a forecast takes it: the next probe gets through."""
        moments = [at for at in (self.wait_until, self.breaker.probe_at) if at is not None]
        return Trouble(wait_until=max(moments, default=None), pace=self.pace)


NO_TROUBLE: Final = Trouble()


def account_after(
    trouble: Trouble, signs: Iterable[Sign], ceiling: float, full: float, now: datetime
) -> Trouble:
    """Of a carrier account, whose configured rate is `ceiling`; for `full` see `fallen`."""
    for sign in signs:
        if sign.evidence is Evidence.FAILS:
            trouble = _failed(trouble, sign, ceiling, full, now)
        else:
            trouble = _worked(trouble, sign, now)
        if sign.evidence is Evidence.TOO_MUCH:
            trouble = _slower(trouble, sign, ceiling, full, now)
    return trouble


def number_after(trouble: Trouble, signs: Iterable[Sign], now: datetime) -> Trouble:
    """Of a number that calls have shown."""
    breaker = trouble.breaker
    for sign in signs:
        if sign.evidence is Evidence.FAILS:
            breaker = breaker.failed(NUMBER_TERMS, sign.reason, sign.sent_at, now)
        else:
            breaker = breaker.worked(sign.sent_at)
    return replace(trouble, breaker=breaker)


def _failed(trouble: Trouble, sign: Sign, ceiling: float, full: float, now: datetime) -> Trouble:
    before = trouble.breaker
    breaker = before.failed(ACCOUNT_TERMS, sign.reason, sign.sent_at, now)
    if breaker.probe_at is None or before.is_open:
        return replace(trouble, breaker=breaker)
    pace = fallen(trouble.pace, ceiling, full, now, breaker.probe_at, RESTART)
    return replace(trouble, breaker=breaker, pace=pace)


def _worked(trouble: Trouble, sign: Sign, now: datetime) -> Trouble:
    """An account that works again is given more only slowly: its rate rises from here."""
    breaker, pace = trouble.breaker.worked(sign.sent_at), trouble.pace
    if trouble.breaker.is_open and not breaker.is_open and pace is not None:
        pace = replace(pace, since=now)
    return replace(trouble, breaker=breaker, pace=pace)


def _slower(trouble: Trouble, sign: Sign, ceiling: float, full: float, now: datetime) -> Trouble:
    """Calls that were let go before the rate fell tell of the one before; a wait that the
    carrier asks for counts all the same."""
    until = trouble.wait_until or now
    if sign.retry_after is not None:
        until = max(until, now + sign.retry_after)
    trouble = replace(trouble, wait_until=until if until > now else trouble.wait_until)
    pace = trouble.pace
    if pace is not None and sign.sent_at <= pace.fell_at:
        return replace(trouble, pace=replace(pace, since=max(pace.since, until)))
    return replace(trouble, pace=fallen(pace, ceiling, full, now, max(now, until), FALL))
