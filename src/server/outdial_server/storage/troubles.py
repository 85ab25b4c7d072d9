"""Troubles as they are stored: a short text, which most accounts and numbers do not have."""

from functools import lru_cache
from typing import Any, Final

import orjson

from outdial_server.domain.breaker import Breaker
from outdial_server.domain.carrier_pace import Pace
from outdial_server.domain.trouble import Trouble
from outdial_server.storage.encoding import (
    json_text,
    micros,
    micros_or_none,
    moment,
    moment_or_none,
)

NO_TROUBLE_TEXT: Final = "{}"


def trouble_text(trouble: Trouble) -> str:
    breaker, pace = trouble.breaker, trouble.pace
    return json_text(
        {
            "failures": breaker.failures,
            "reason": breaker.reason,
            "trips": breaker.trips,
            "opened_us": micros_or_none(breaker.opened_at),
            "probe_us": micros_or_none(breaker.probe_at),
            "probing_us": micros_or_none(breaker.probing_until),
            "wait_us": micros_or_none(trouble.wait_until),
            "pace": None if pace is None else _pace_values(pace),
        }
    )


def _pace_values(pace: Pace) -> list[Any]:
    return [pace.rate, pace.full, micros(pace.fell_at), micros(pace.since)]


def trouble_or_none(text: str | None) -> Trouble | None:
    return None if text is None else trouble_from(text)


@lru_cache(maxsize=1024)
def trouble_from(text: str) -> Trouble:
    values = orjson.loads(text)
    if not values:
        return Trouble()
    breaker = Breaker(
        values["failures"],
        values["reason"],
        values["trips"],
        moment_or_none(values["opened_us"]),
        moment_or_none(values["probe_us"]),
        moment_or_none(values["probing_us"]),
    )
    pace = None if values["pace"] is None else _pace_from(*values["pace"])
    return Trouble(breaker, moment_or_none(values["wait_us"]), pace)


def _pace_from(rate: float, full: float, fell_us: int, since_us: int) -> Pace:
    return Pace(rate, full, moment(fell_us), moment(since_us))
