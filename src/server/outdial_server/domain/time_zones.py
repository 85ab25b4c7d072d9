"""IANA time zones: the moment that a local time names, and the zone that a person is in."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

UTC_ZONE: Final = "UTC"

_MINUTES_A_DAY: Final = 24 * 60


class ZoneRule(IntEnum):
    """Whose zone counts for a person who was given none. The numbers are stored."""

    BATCH_ZONE = 1
    RECIPIENT_ZONE = 2


class TimeZoneSource(IntEnum):
    """What told a person's zone."""

    GIVEN = 1
    NUMBER = 2
    BATCH = 3


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """Names that mean the same on every machine."""
    return frozenset(available_timezones()) - {"Factory", "localtime"}


def person_zone(
    given: str | None, of_number: str | None, of_batch: str
) -> tuple[str, TimeZoneSource]:
    """The zone that a person is called by, and why it is this one."""
    if given:
        return given, TimeZoneSource.GIVEN
    if of_number:
        return of_number, TimeZoneSource.NUMBER
    return of_batch, TimeZoneSource.BATCH


def moment_of(zone: str, day: date, minute: int) -> datetime:
    """The moment of a local time, in minutes from midnight up to 1440. A time that a clock
    change skips moves forward by the gap; of one that comes twice it is the first."""
    days, minute = divmod(minute, _MINUTES_A_DAY)
    local = datetime.combine(day + timedelta(days=days), time(minute // 60, minute % 60))
    # Without a fold, Python takes a skipped time by the offset before the gap, and a doubled
    # one by the first of its two.
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_day(zone: str, now: datetime) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


def agree(zones: Collection[str], start: datetime) -> bool:
    """Whether clocks in all of these show the same time, from the start of a UTC day on for
    a year and a month."""
    infos = [ZoneInfo(zone) for zone in zones]
    if len(infos) == 1:
        return True
    for days in range(31 + 366):
        day = start + timedelta(days=days)
        if len({day.astimezone(info).utcoffset() for info in infos}) > 1:
            return False
        if not _agree_on(infos, day):
            return False
    return True


def _agree_on(infos: Sequence[ZoneInfo], day: datetime) -> bool:
    """Where one of them changes its clocks on a day, the others must at that very moment."""
    changes = (
        day.astimezone(infos[0]).utcoffset()
        != (day + timedelta(days=1)).astimezone(infos[0]).utcoffset()
    )
    minutes = range(0, _MINUTES_A_DAY, 15) if changes else ()
    return all(
        len({(day + timedelta(minutes=m)).astimezone(info).utcoffset() for info in infos}) == 1
        for m in minutes
    )
