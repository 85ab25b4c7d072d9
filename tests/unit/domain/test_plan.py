"""Positions and duplicates of a list of rows that comes in slices."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.plan import Duplicate, NumberedRow, PlacedRows, Placement
from outdial_server.domain.scheduled_call import NewScheduledCall

ADDRESSES = st.one_of(
    st.integers(1, 6).map(lambda digit: f"+1555000000{digit}"),
    st.sampled_from(("sip:ann@example.net", "sip:15550000001@example.net", "+1", "+10")),
)
ROWS = st.lists(ADDRESSES, max_size=20).map(
    lambda addresses: [
        (number * 10, NewScheduledCall(a, a, custom_id=str(number)))
        for number, a in enumerate(addresses, 1)
    ]
)
POLICIES = st.sampled_from(DuplicatePolicy)
SLICES = st.integers(1, 21)


@st.composite
def there_before(draw: st.DrawFn) -> dict[str, int]:
    addresses = draw(st.lists(ADDRESSES, unique=True, max_size=4))
    return {address: position for position, address in enumerate(addresses)}


def place(
    rows: Sequence[NumberedRow], policy: DuplicatePolicy, there: dict[str, int], slice_rows: int
) -> PlacedRows:
    """All slices in one."""
    placement = Placement(policy, len(there))
    placement.learn(there)
    kept: list[NewScheduledCall] = []
    duplicates: list[Duplicate] = []
    for start in range(0, len(rows), slice_rows):
        placed = placement.place(rows[start : start + slice_rows])
        kept += placed.rows
        duplicates += placed.duplicates
    return PlacedRows(kept, duplicates)


@given(ROWS, there_before(), POLICIES, SLICES)
def test_slices_make_no_difference(
    rows: list[NumberedRow], there: dict[str, int], policy: DuplicatePolicy, slice_rows: int
) -> None:
    assert place(rows, policy, there, slice_rows) == place(rows, policy, there, 100)


@given(ROWS, there_before(), SLICES)
def test_keep_takes_every_row_in_its_order(
    rows: list[NumberedRow], there: dict[str, int], slice_rows: int
) -> None:
    placed = place(rows, DuplicatePolicy.KEEP, there, slice_rows)
    assert placed.rows == [row for _, row in rows]


@given(ROWS, there_before(), st.sampled_from((DuplicatePolicy.SKIP, DuplicatePolicy.REJECT)))
def test_otherwise_the_first_of_each_address_goes_in(
    rows: list[NumberedRow], there: dict[str, int], policy: DuplicatePolicy
) -> None:
    placed = place(rows, policy, there, 7)
    kept_at = dict(there)
    for position, row in enumerate(placed.rows, len(there)):
        assert row.normalized_address not in kept_at
        kept_at[row.normalized_address] = position
    assert set(kept_at) == {*there, *(row.normalized_address for _, row in rows)}
    left_out = {duplicate.number for duplicate in placed.duplicates}
    assert placed.rows == [row for number, row in rows if number not in left_out]


@given(ROWS, there_before(), POLICIES)
def test_a_duplicate_names_the_first_row_with_its_address(
    rows: list[NumberedRow], there: dict[str, int], policy: DuplicatePolicy
) -> None:
    placed = place(rows, policy, there, 7)
    by_number = dict(rows)
    firsts: dict[str, int] = {}
    for number, row in rows:
        firsts.setdefault(row.normalized_address, number)
    expected = {
        number
        for number, row in rows
        if row.normalized_address in there or firsts[row.normalized_address] != number
    }
    assert [duplicate.number for duplicate in placed.duplicates] == sorted(expected)
    for duplicate in placed.duplicates:
        address = duplicate.normalized_address
        assert by_number[duplicate.number].normalized_address == address
        if address in there:
            assert (duplicate.kept_position, duplicate.first_number) == (there[address], None)
        else:
            assert duplicate.first_number == firsts[address]
            kept = placed.rows[duplicate.kept_position - len(there)]
            assert kept == by_number[firsts[address]]


def test_duplicates_are_found_by_normal_form() -> None:
    rows = [
        (0, NewScheduledCall("sip:ann@EXAMPLE.net", "sip:ann@example.net")),
        (1, NewScheduledCall("SIP:ann@example.net", "sip:ann@example.net")),
    ]
    assert len(place(rows, DuplicatePolicy.SKIP, {}, 1).rows) == 1
