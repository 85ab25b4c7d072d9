"""Names of messages, and ranges of them."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.ids import BatchId
from outdial_server.domain.webhook_message import EventRange, event_named, message_id, ranges_of

BATCHES = st.builds(lambda n: BatchId(str(UUID(int=n))), st.integers(0, 2**128 - 1))
FEW = st.sampled_from([BatchId(str(UUID(int=n))) for n in range(3)])


@given(BATCHES, st.integers(0, 2**62))
def test_an_event_is_found_by_its_name(batch_id: BatchId, sequence: int) -> None:
    assert event_named(message_id(batch_id, sequence)) == (batch_id, sequence)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "evt_",
        "evt__1",
        "evt_0_1",
        f"evt_{'0' * 32}",
        f"evt_{'0' * 32}_",
        f"evt_{'0' * 32}_x",
        f"evt_{'0' * 32}_-1",
        f"evt_{'0' * 32}_01",
        f"evt_{'0' * 32}_\N{SUPERSCRIPT TWO}",
        f"evt_{'A' * 32}_1",
        f"evt_{UUID(int=1)}_1",
        f"test_{'0' * 32}_1",
        f"{'0' * 32}_1",
    ],
)
def test_what_is_no_name_of_ours_names_nothing(text: str) -> None:
    assert event_named(text) is None


@given(st.lists(st.tuples(FEW, st.integers(1, 12))))
def test_ranges_hold_each_event_once_and_no_other(named: list[tuple[BatchId, int]]) -> None:
    ranges = ranges_of(named)
    held = [
        (one.batch_id, sequence)
        for one in ranges
        for sequence in range(one.after + 1, one.to_sequence + 1)
    ]
    assert held == sorted(set(named))
    assert sum(one.count for one in ranges) == len(held)
    # As few as there can be.
    for one, other in pairwise(ranges):
        assert (one.batch_id, one.to_sequence) != (other.batch_id, other.after)


def test_what_lies_together_is_one_range() -> None:
    batch_id = BatchId(str(UUID(int=7)))
    named = [(batch_id, n) for n in (9, 3, 2, 4, 8)]
    assert ranges_of(named) == [EventRange(batch_id, 1, 4), EventRange(batch_id, 7, 9)]
