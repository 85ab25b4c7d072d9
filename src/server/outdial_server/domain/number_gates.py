"""What the rules for a number say of it now."""

from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.daily_cap import next_day
from outdial_server.domain.gates import ANY_CALL_ENDS, GateAnswer
from outdial_server.domain.number_rules import NumberUse

NUMBER_IN_A_CALL: Final = "NUMBER_IN_A_CALL"
NUMBER_RESTS: Final = "NUMBER_RESTS"
NUMBER_CALLED_ENOUGH: Final = "NUMBER_CALLED_ENOUGH"

LOOK_AGAIN: Final = timedelta(minutes=1)
"""While a call is live nobody knows when it ends, or whether it was placed at all."""

_GAP_OPEN: Final = GateAnswer("number_gap", None)
_DAY_OPEN: Final = GateAnswer("number_day", None)


def gap_answer(gap: timedelta, use: NumberUse, now: datetime) -> GateAnswer:
    """Looked at again no later than the gap takes: it only begins when the call ends."""
    rested_at = None if use.ended_at is None else use.ended_at + gap
    if not use.live and (rested_at is None or rested_at <= now):
        return _GAP_OPEN
    figures = {"live": use.live, "min_gap_seconds": int(gap.total_seconds())}
    if use.live:
        return GateAnswer(
            "number_gap",
            0,
            NUMBER_IN_A_CALL,
            figures,
            waits_for=ANY_CALL_ENDS,
            look_at=now + min(gap, LOOK_AGAIN),
        )
    return GateAnswer("number_gap", 0, NUMBER_RESTS, figures, next_at=rested_at)


def day_answer(cap: int, zone: str, use: NumberUse, now: datetime) -> GateAnswer:
    used = use.calls_on_day(zone, now)
    figures = {"used": used, "cap": cap}
    if used < cap:
        return GateAnswer("number_day", None, figures=figures) if used else _DAY_OPEN
    midnight = next_day(zone, now, None)
    look_at = min(midnight, now + LOOK_AGAIN) if use.live else None
    return GateAnswer(
        "number_day", 0, NUMBER_CALLED_ENOUGH, figures, next_at=midnight, look_at=look_at
    )
