"""How long things are kept, in the form that people write."""

from datetime import timedelta

import pytest

from outdial_server.domain.retention import is_longer, parse_keep, shorter

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", 30 * DAY),
        ("2w", 14 * DAY),
        ("1m", timedelta(minutes=1)),
        ("36500d", 36_500 * DAY),
        ("never", None),
    ],
)
def test_times_as_people_write_them(text: str, kept: timedelta | None) -> None:
    assert parse_keep(text) == kept


@pytest.mark.parametrize(
    "text", ["", "30", "30 d", "d", "1.5h", "-1d", "0m", "30s", "1y", "36501d", "Never", "1d12h"]
)
def test_what_is_no_time_to_keep_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be .* or never"):
        parse_keep(text)


@pytest.mark.parametrize(
    ("one", "other", "longer"),
    [(DAY, DAY, False), (2 * DAY, DAY, True), (None, DAY, True), (DAY, None, False)],
)
def test_for_ever_is_longer_than_any_time(
    one: timedelta | None, other: timedelta | None, *, longer: bool
) -> None:
    assert is_longer(one, other) == longer
    assert shorter(one, other) == (other if longer else one)
    assert not is_longer(None, None)
