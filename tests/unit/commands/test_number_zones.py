"""The zone that a phone number tells, against the library's own and slow look-up."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, timezone

from outdial_server.commands.number_zones import zone_of_number
from outdial_server.domain.time_zones import agree

NOW = datetime(2026, 3, 2, tzinfo=UTC)

NORTH_AMERICA = 1

REGIONS = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))
LAND, MOBILE = phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE
TOLL_FREE = phonenumbers.PhoneNumberType.TOLL_FREE
KINDS = st.sampled_from((LAND, MOBILE, TOLL_FREE))


@pytest.mark.parametrize(
    ("number", "zone"),
    [
        ("+436641234567", "Europe/Vienna"),
        ("+81312345678", "Asia/Tokyo"),
        ("+12125550123", "America/New_York"),
        ("+18085550123", "Pacific/Honolulu"),
        ("+34912345678", "Europe/Madrid"),
        # Spain has two zones, and so have its mobile numbers.
        ("+34612345678", ""),
        ("+61412345678", ""),
        ("+61291234567", "Australia/Sydney"),
        ("+79123456789", ""),
        # For other uses than places, and for none.
        ("+18005550123", ""),
        ("+15550000001", ""),
        ("+882123456789", ""),
        ("sip:+436641234567@trunk.example.net", ""),
    ],
)
def test_a_number_tells_its_zone_or_none(number: str, zone: str) -> None:
    assert zone_of_number(number, NOW) == zone


@given(REGIONS, KINDS)
def test_it_is_what_the_library_says_where_that_is_one_time(region: str, kind: int) -> None:
    number = phonenumbers.example_number_for_type(region, kind)
    # In North America the area code says it, for mobile numbers too.
    if number is None or number.country_code == NORTH_AMERICA:
        return
    found = zone_of_number(phonenumbers.format_number(number, PhoneNumberFormat.E164), NOW)
    zones = timezone.time_zones_for_number(number)
    if not agree(zones, NOW):
        assert found == ""
    else:
        assert agree((found, zones[0]), NOW)


@given(REGIONS)
def test_a_zone_that_is_found_shows_one_time_with_all_of_its_prefix(region: str) -> None:
    number = phonenumbers.example_number(region)
    if number is None:
        return
    found = zone_of_number(phonenumbers.format_number(number, PhoneNumberFormat.E164), NOW)
    zones = timezone.time_zones_for_geographical_number(number)
    if found:
        for days in range(0, 366, 7):
            at = NOW + timedelta(days=days)
            assert {at.astimezone(ZoneInfo(zone)).utcoffset() for zone in zones} == {
                at.astimezone(ZoneInfo(found)).utcoffset()
            }
