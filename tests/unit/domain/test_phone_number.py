"""Phone numbers: when they can be used, and their order."""

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.phone_number import Capability, PhoneNumberFields, with_placed


def test_calls_show_a_number_that_is_active_and_good_for_them() -> None:
    assert PhoneNumberFields().is_usable
    assert not PhoneNumberFields(active=False).is_usable
    assert not PhoneNumberFields(capabilities=Capability.INBOUND_VOICE | Capability.SMS).is_usable
    every = Capability.OUTBOUND_VOICE | Capability.INBOUND_VOICE | Capability.SMS
    assert PhoneNumberFields(capabilities=every).is_usable


@given(
    order=st.lists(st.integers(0, 20), unique=True),
    item=st.integers(0, 20),
    place=st.none() | st.integers(0, 30),
)
def test_one_that_is_placed_moves_no_other(order: list[int], item: int, place: int | None) -> None:
    placed = with_placed(order, item, place)
    assert [other for other in placed if other != item] == [o for o in order if o != item]
    assert placed.count(item) == 1
    if place is not None:
        assert placed.index(item) == min(place, len(placed) - 1)
    elif item in order:
        assert placed == order
    else:
        assert placed[-1] == item
