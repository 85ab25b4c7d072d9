"""The time zone that a phone number tells."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    PhoneMetadata,
    PhoneNumberDesc,
    PhoneNumberType,
    is_number_type_geographical,
)
from phonenumbers.tzdata import TIMEZONE_DATA

from outdial_server.domain.time_zones import agree, known_zones

_NORTH_AMERICA: Final = "1"
"""There an area code is a place for every kind of number: those for other uses have codes
that are no place."""

_COUNTRY_CODE_MOST: Final = 3


def zone_of_number(number: str, now: datetime) -> str:
    """The zone of an address in normal form; empty where it tells none, or several whose
    times differ. Of several that agree it is the first by name.

    Not by the library's own look-up, which parses each number and takes some 80 us: most
    countries have one time, and for the others one pattern tells what is a place.
    """
    code = _country_code(number[1:]) if number.startswith("+") else ""
    if not code:
        return ""
    zone = _zone_of_prefix(code, now.year, now.month)
    if zone:
        return zone
    if code != _NORTH_AMERICA and not _geographic(code).fullmatch(number, 1 + len(code)):
        return ""
    for length in range(_LONGEST_PREFIX[code], len(code), -1):
        prefix = number[1 : 1 + length]
        if prefix in TIMEZONE_DATA:
            return _zone_of_prefix(prefix, now.year, now.month)
    return ""


def _country_code(digits: str) -> str:
    for length in range(1, _COUNTRY_CODE_MOST + 1):
        code = digits[:length]
        if code in _COUNTRY_CODES:
            return code
    return ""


_COUNTRY_CODES: Final = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def _longest_prefixes() -> dict[str, int]:
    longest = dict.fromkeys(_COUNTRY_CODES, 0)
    for prefix in TIMEZONE_DATA:
        code = _country_code(prefix)
        longest[code] = max(longest.get(code, 0), len(prefix))
    return longest


_LONGEST_PREFIX: Final = _longest_prefixes()


@lru_cache(maxsize=4096)
def _zone_of_prefix(prefix: str, year: int, month: int) -> str:
    zones = tuple(TIMEZONE_DATA.get(prefix, ()))
    if not zones or not agree(zones, datetime(year, month, 1, tzinfo=UTC)):
        return ""
    return min(known_zones().intersection(zones), default="")


@lru_cache(maxsize=64)
def _geographic(code: str) -> re.Pattern[str]:
    """Numbers of a country that have to do with a place: land lines, and mobile ones where
    they have area codes. A mobile number of the others says nothing about its owner."""
    has_places = is_number_type_geographical(PhoneNumberType.MOBILE, int(code))
    kinds: list[PhoneNumberDesc | None] = []
    for region in COUNTRY_CODE_TO_REGION_CODE[int(code)]:
        metadata = PhoneMetadata.metadata_for_region(region)
        if metadata is not None:
            kinds += [metadata.fixed_line, *([metadata.mobile] if has_places else [])]
    patterns = (kind.national_number_pattern for kind in kinds if kind is not None)
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns if pattern) or "(?!)")
