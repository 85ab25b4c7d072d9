"""What a seed makes of a world: how large it is, how it is limited, and what goes wrong."""

from dataclasses import dataclass
from datetime import timedelta

from outdial_server.domain.batch_policies import ConfigErrorPolicy, DuplicatePolicy, UnknownPolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.call import Disposition
from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.pacing import Pacing
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.row_checks import RawRow
from outdial_server.domain.throttle import ThrottleRule
from simulation.carrier import Answer, Manners
from simulation.chance import Dice
from simulation.database import Fate, Weather
from support.clock import START
from support.stores import number

PEOPLE = 12
ZONES = ("Europe/London", "America/New_York")
"""In both it is the same minute of an hour as in UTC, and the offices of one are closed."""


@dataclass(frozen=True)
class Scenario:
    servers: int
    # The only server of a file, whose clock is the store's; else the store has its own, and
    # there may be others beside it.
    is_single: bool
    length_seconds: float
    account_cap: int
    reserved: int
    agents: int
    rules: tuple[ThrottleRule, ...]
    has_webhook: bool
    # Seconds between what people do, and between accidents.
    operators_pause: float
    accidents_pause: float


def draw_scenario(dice: Dice) -> Scenario:
    account_cap = dice.number(1, 6)
    servers = dice.weighted({1: 50, 2: 42, 3: 8})
    return Scenario(
        servers=servers,
        is_single=servers == 1 and dice.chance(65),
        length_seconds=dice.seconds(15, 45),
        account_cap=account_cap,
        reserved=1 if account_cap > 2 and dice.chance(30) else 0,
        agents=dice.number(1, 2),
        rules=draw_rules(dice),
        has_webhook=dice.chance(40),
        operators_pause=dice.one_of([1.0, 3.0, 10.0]),
        accidents_pause=dice.one_of([4.0, 10.0, 30.0]),
    )


def draw_rules(dice: Dice) -> tuple[ThrottleRule, ...]:
    return dice.one_of(
        [
            (ThrottleRule(1, timedelta(seconds=3)),),
            (ThrottleRule(3, timedelta(seconds=2)), ThrottleRule(6, timedelta(seconds=20))),
        ]
    )


def draw_manners(dice: Dice) -> Manners:
    """From a carrier that nearly always works to one that hardly does."""
    trouble = dice.one_of([0, 0.2, 1, 3])
    answers = {answer: trouble * weight for answer, weight in _FAULTS.items()}
    return Manners(
        {Answer.TAKEN: 60, **answers},
        lost=dice.one_of([0, 5, 40]),
        late=dice.one_of([0, 10, 40]),
        doubled=dice.one_of([0, 20, 60]),
        garbled=dice.one_of([0, 0, 5]),
        look_up_fails=dice.one_of([0, 10, 50]),
        look_up_lags=dice.one_of([0, 20, 80]),
    )


_FAULTS = {
    Answer.NO_CONNECTION: 5,
    Answer.TURNED_AWAY: 6,
    Answer.REFUSED: 3,
    Answer.UNAUTHORIZED: 1,
    Answer.FAILED: 3,
    Answer.CUT: 3,
    Answer.SWALLOWED: 3,
    Answer.TAKEN_LATE: 5,
    Answer.FAILED_PLACED: 4,
    Answer.CUT_PLACED: 4,
    Answer.SILENT_PLACED: 4,
}


def draw_weather(dice: Dice, *, is_single: bool) -> Weather:
    trouble = dice.one_of([0, 0, 1, 4])
    fates = {Fate.GOES_WELL: 100.0, Fate.UNAVAILABLE: 2 * trouble, Fate.BREAKS: 0.5 * trouble}
    if not is_single:
        # What a file does is known; only a connection leaves it open.
        fates[Fate.COMMITS_UNSEEN] = 1.5 * trouble
    slow = dice.one_of([0, 10, 50])
    return Weather(fates, slow, dice.one_of([0.02, 0.5, 3]))


def draw_settings(dice: Dice, throttle: str, config: str) -> BatchSettings:
    window_start, window_end = dice.one_of(
        [(None, None)] * 4 + [(None, 45), (8, None), (4, 60), (0.5, 20)]
    )
    return BatchSettings(
        "Reminders",
        window_start=None if window_start is None else START + timedelta(seconds=window_start),
        window_end=None if window_end is None else START + timedelta(seconds=window_end),
        priority=dice.number(0, 2),
        weight=dice.number(1, 3),
        max_concurrent_calls=draw_cap(dice),
        throttle=throttle if dice.chance(30) else "",
        carrier_config=config if dice.chance(40) else "",
        unknown_policy=dice.one_of(list(UnknownPolicy)),
        on_config_error=dice.weighted({ConfigErrorPolicy.PAUSE: 3, ConfigErrorPolicy.FAIL: 1}),
        ring_timeout=timedelta(seconds=dice.number(2, 12)),
        max_call_duration=timedelta(seconds=dice.number(2, 25)),
        retry_policy=_draw_policy(dice),
        **draw_schedule(dice),
    )


def draw_schedule(dice: Dice) -> dict[str, object]:
    opens = 9 * 60
    hours = CallingHours(EVERY_DAY, opens, opens + dice.one_of([1, 60]))
    return {
        "calling_hours": hours if dice.chance(25) else None,
        "time_zone": dice.one_of([*ZONES, "UTC"]),
        "max_calls_per_day": dice.one_of([None, None, None, 2, 5]),
        "pacing": dice.one_of(list(Pacing)),
    }


def draw_cap(dice: Dice) -> int | None:
    return dice.one_of([None, None, 1, 2, 3])


def _draw_policy(dice: Dice) -> RetryPolicy | None:
    if dice.chance(50):
        return None
    wait = FixedDelays((timedelta(seconds=dice.number(1, 8)),))
    rules = [Disposition.BUSY, Disposition.NO_ANSWER, Disposition.FAILED]
    ruled = dice.some(rules, dice.number(1, 3))
    return RetryPolicy(tuple(RetryRule(one, wait) for one in ruled), dice.number(2, 3))


def draw_rows(dice: Dice, most: int) -> list[RawRow]:
    return [
        RawRow(
            number(dice.number(1, PEOPLE)),
            time_zone=dice.one_of(["", "", *ZONES]),
            priority=dice.number(0, 1),
        )
        for _ in range(dice.number(1, most))
    ]


def draw_duplicates(dice: Dice) -> DuplicatePolicy:
    return dice.weighted({DuplicatePolicy.KEEP: 3, DuplicatePolicy.SKIP: 2})
