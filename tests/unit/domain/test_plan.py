"""Positions and duplicates of a list of rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.batch import DuplicatePolicy
from outdial_server.domain.errors import InvalidFieldsError, Reason
from outdial_server.domain.limits import FIELD_VIOLATIONS_MAX
from outdial_server.domain.plan import PlacedRows, place_rows
from outdial_server.domain.scheduled_call import NewScheduledCall

NUMBERS = st.integers(1, 8).map(lambda digit: f"+1555000000{digit}")
ROWS = st.lists(NUMBERS, max_size=20).map(
    lambda numbers: [NewScheduledCall(n, n, custom_id=str(i)) for i, n in enumerate(numbers)]
)


@st.composite
def there_before(draw: st.DrawFn) -> dict[str, int]:
    numbers = draw(st.lists(NUMBERS, unique=True, max_size=4))
    return {number: position for position, number in enumerate(numbers)}


def place(
    rows: list[NewScheduledCall], policy: DuplicatePolicy, there: dict[str, int]
) -> PlacedRows:
    return place_rows(rows, policy, first_position=len(there), already_there=there)


@given(ROWS, there_before())
def test_keep_takes_every_row_in_its_order(
    rows: list[NewScheduledCall], there: dict[str, int]
) -> None:
    placed = place(rows, DuplicatePolicy.KEEP, there)
    assert (placed.first_position, list(placed.rows), placed.skipped) == (len(there), rows, ())


@given(ROWS, there_before())
def test_skip_keeps_the_first_of_each_address_and_names_it_for_the_others(
    rows: list[NewScheduledCall], there: dict[str, int]
) -> None:
    placed = place(rows, DuplicatePolicy.SKIP, there)
    kept_at = dict(there)
    for position, row in enumerate(placed.rows, placed.first_position):
        assert row.normalized_address not in kept_at
        kept_at[row.normalized_address] = position
    assert set(kept_at) == {*there, *(row.normalized_address for row in rows)}
    for skipped in placed.skipped:
        assert rows[skipped.index].normalized_address == skipped.normalized_address
        assert skipped.kept_position == kept_at[skipped.normalized_address]
    left_out = {skipped.index for skipped in placed.skipped}
    assert list(placed.rows) == [row for i, row in enumerate(rows) if i not in left_out]


@given(ROWS, there_before())
def test_reject_names_each_row_that_skip_would_leave_out(
    rows: list[NewScheduledCall], there: dict[str, int]
) -> None:
    skipped = place(rows, DuplicatePolicy.SKIP, there).skipped
    if not skipped:
        assert place(rows, DuplicatePolicy.REJECT, there).rows == tuple(rows)
        return
    with pytest.raises(InvalidFieldsError) as refused:
        place(rows, DuplicatePolicy.REJECT, there)
    assert refused.value.reason is Reason.DUPLICATE_ADDRESS
    named = [violation.field for violation in refused.value.violations]
    assert named == [f"scheduled_calls[{s.index}].address" for s in skipped]
    assert refused.value.violations[0].description == (
        f"is the same as at position {skipped[0].kept_position}"
    )


def test_duplicates_are_found_by_normal_form() -> None:
    rows = [
        NewScheduledCall("sip:ann@EXAMPLE.net", "sip:ann@example.net"),
        NewScheduledCall("SIP:ann@example.net", "sip:ann@example.net"),
    ]
    assert len(place_rows(rows, DuplicatePolicy.SKIP).rows) == 1


def test_an_answer_names_a_bounded_number_of_duplicates() -> None:
    rows = [NewScheduledCall("+15550000001", "+15550000001")] * (FIELD_VIOLATIONS_MAX + 50)
    with pytest.raises(InvalidFieldsError, match=r"and 148 more") as refused:
        place_rows(rows, DuplicatePolicy.REJECT)
    assert len(refused.value.violations) == FIELD_VIOLATIONS_MAX
