"""Spreading over days: the calls of a day go out in even steps over what is left of its open
time. Nothing is planned ahead: each claim that takes a slot of the day says when the next one
is, from what is left at that moment. So a pause, a closed gate or a change of the schedule
never ends in a burst."""

from datetime import timedelta
from enum import IntEnum
from math import ceil
from typing import Final

from outdial_server.domain.open_time import OpenDay

STEP: Final = timedelta(seconds=1)
"""Slots that are closer than this come in groups: a claim for each would cost the writer more
than the evenness is worth."""


class Pacing(IntEnum):
    """How a batch uses its time. The numbers are stored."""

    AS_FAST_AS_POSSIBLE = 1
    SPREAD_OVER_DAYS = 2


def people_of_day(left_today: int, waiting: int) -> int:
    """How many are to be spread over the rest of a day."""
    return max(0, min(left_today, waiting))


def slots_at_once(people: int, rest: OpenDay) -> int:
    """How many may go when a slot opens: one, or as many as belong to one step."""
    length = rest.length
    if people == 0:
        return 1
    return people if length <= STEP else ceil(people * (STEP / length))


def wait_after(taken: int, people: int, rest: OpenDay) -> timedelta | None:
    """How much open time lies between slots that are taken now and the next; None when
    nobody is left for today."""
    return None if taken >= people else rest.length * taken / people
