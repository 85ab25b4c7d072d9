"""Which messages of a watch are new, and which do not fit."""

import pytest
from outdial.v1.batch_service_pb2 import WatchBatchResponse

from client.far_end import heartbeat, snapshot, token, update
from outdial_client._watch_position import EventGap, WatchPosition


def at(sequence: int, *, contiguous: bool = True) -> WatchPosition:
    return WatchPosition(contiguous, resume_token=token(sequence), sequence=sequence)


def numbers(message: WatchBatchResponse | None) -> list[int]:
    assert message is not None
    return [event.sequence for event in message.events]


def test_pages_of_a_snapshot_pass_and_move_nothing() -> None:
    position = WatchPosition(contiguous=True)
    page = WatchBatchResponse()
    assert position.advance(page) is page
    assert (position.resume_token, position.sequence) == ("", None)


def test_a_complete_snapshot_says_where_it_stands() -> None:
    position = WatchPosition(contiguous=True)
    position.advance(snapshot(7))
    assert (position.resume_token, position.sequence) == (token(7), 7)


def test_the_next_events_pass() -> None:
    position = at(7)
    assert numbers(position.advance(update(8, 9))) == [8, 9]
    assert position.sequence == 9


def test_events_seen_before_are_taken_out() -> None:
    position = at(7)
    assert numbers(position.advance(update(6, 7, 8))) == [8]


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_message_of_repeats_alone_is_dropped(contiguous: bool) -> None:
    position = at(7, contiguous=contiguous)
    assert position.advance(update(6, 7)) is None
    assert position.resume_token == token(7)


@pytest.mark.parametrize(
    "message",
    [update(9), update(8, 10), update(8, 8), update(9, 8), heartbeat(8)],
    ids=["first missing", "one inside missing", "twice", "out of order", "none sent"],
)
def test_a_missing_event_is_a_gap_and_the_position_stays(message: WatchBatchResponse) -> None:
    position = at(7)
    with pytest.raises(EventGap):
        position.advance(message)
    assert (position.resume_token, position.sequence) == (token(7), 7)


def test_events_that_were_folded_are_no_gap_when_only_the_newest_are_owed() -> None:
    assert numbers(at(7, contiguous=False).advance(update(12))) == [12]


def test_with_a_token_from_elsewhere_the_first_events_set_the_place() -> None:
    position = WatchPosition(contiguous=True, resume_token="opaque")
    assert numbers(position.advance(update(41, 42))) == [41, 42]
    with pytest.raises(EventGap):
        position.advance(update(44))


def test_with_a_token_from_elsewhere_the_first_events_must_fit_each_other() -> None:
    position = WatchPosition(contiguous=True, resume_token="opaque")
    with pytest.raises(EventGap):
        position.advance(update(41, 43))


def test_the_last_message_passes_even_without_news() -> None:
    message = WatchBatchResponse(sequence=7, resume_token=token(7), batch_ended=True)
    assert at(7).advance(message) is message


def test_a_heartbeat_passes() -> None:
    message = heartbeat(7)
    assert at(7).advance(message) is message
