"""The judge sees what is broken: each test plants one fault in what was true."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED, Batch, BatchCounts
from outdial.v1.call_pb2 import CALL_STATE_ENDED, CALL_STATE_UNKNOWN, Call
from outdial.v1.event_pb2 import (
    EVENT_TYPE_CALL_ACCEPTED,
    EVENT_TYPE_CALL_SENDING,
    EVENT_TYPE_CALL_UNKNOWN,
    Event,
    ScheduledCallChange,
)
from outdial.v1.scheduled_call_pb2 import (
    SCHEDULED_CALL_STATE_COMPLETED,
    SCHEDULED_CALL_STATE_FAILED,
    SCHEDULED_CALL_STATE_WAITING,
    ScheduledCall,
)

from chaos.judge import (
    Outcome,
    RingRecord,
    gaps,
    lost,
    over_caps,
    ringing,
    rung_twice,
    unfaithful,
    unknown_of_others,
    untrue,
)
from chaos.lists import CalledList
from chaos.watchers import Witness

ANN, BEN = "+15550000001", "+15550000002"
LISTED = CalledList("batch", (ANN, BEN), {"account": 2, "batch": 1})
ROWS = (
    ScheduledCall(address=ANN, state=SCHEDULED_CALL_STATE_COMPLETED),
    ScheduledCall(address=BEN, state=SCHEDULED_CALL_STATE_FAILED, state_reason="NOT_PLACED"),
)
LOG = tuple(
    Event(
        sequence=number,
        type=kind,
        scheduled_call=ScheduledCallChange(call_id="call"),
    )
    for number, kind in enumerate(
        (EVENT_TYPE_CALL_SENDING, EVENT_TYPE_CALL_UNKNOWN, EVENT_TYPE_CALL_ACCEPTED), start=1
    )
)
OUTCOME = Outcome(
    LISTED,
    Batch(
        state=BATCH_STATE_COMPLETED,
        sequence=3,
        counts=BatchCounts(total=2, completed=1, failed=1),
    ),
    ROWS,
    (Call(call_id="call", state=CALL_STATE_ENDED),),
    LOG,
)


def rings(*calls: tuple[str, str, str]) -> list[RingRecord]:
    return [RingRecord(event, call, to, live=0) for event, call, to in calls]


def one_call(call: str, to: str) -> list[RingRecord]:
    return rings(("requested", "", to), ("placed", call, to), ("ended", call, to))


def witness(events: Iterable[Event], snapshot_sequence: int = 0) -> Witness:
    heard = [(event.sequence, event.SerializeToString(deterministic=True)) for event in events]
    return Witness("a watcher", "batch", lambda _, __: None, snapshot_sequence, heard)


def only(broken: Iterable[str]) -> str:
    (promise,) = broken
    return promise


def test_nothing_is_found_where_nothing_is_broken() -> None:
    rang = ringing(one_call("call", ANN), [LISTED])
    assert rang.requests == 1
    for broken in (
        rung_twice(rang),
        over_caps(rang, [LISTED]),
        lost(OUTCOME),
        untrue(ROWS, rang),
        gaps(LOG, 3),
        unknown_of_others(LOG),
        unfaithful(witness(LOG), LOG),
        unfaithful(witness(LOG[1:], snapshot_sequence=1), LOG),
    ):
        assert list(broken) == []


def test_a_person_who_rang_twice_is_found() -> None:
    rang = ringing(one_call("first", ANN) + one_call("second", ANN), [LISTED])
    assert ANN in only(rung_twice(rang))


def test_a_call_that_was_placed_twice_is_found() -> None:
    rang = ringing(one_call("call", ANN) + one_call("call", BEN), [LISTED])
    assert "call" in only(rung_twice(rang))


def test_a_cap_that_was_exceeded_is_found() -> None:
    both = rings(("placed", "first", ANN), ("placed", "second", BEN), ("ended", "first", ANN))
    assert only(over_caps(ringing(both, [LISTED]), [LISTED])).endswith("batch, 1")


def test_caps_that_lists_share_are_counted_together() -> None:
    other = CalledList("other", (BEN,), {"account": 1})
    lists = [replace(LISTED, people=(ANN,), caps={"account": 1}), other]
    both = rings(("placed", "first", ANN), ("placed", "second", BEN))
    assert "account" in only(over_caps(ringing(both, lists), lists))


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (ROWS[:1], f"lost: 1, among them {BEN}"),
        ((*ROWS, ROWS[0]), f"listed, and never given: 1, among them {ANN}"),
        (
            (ROWS[0], ScheduledCall(address=BEN, state=SCHEDULED_CALL_STATE_WAITING)),
            f"at no end: 1, among them {BEN}",
        ),
    ],
)
def test_a_person_who_is_lost_is_found(rows: tuple[ScheduledCall, ...], found: str) -> None:
    assert found in list(lost(replace(OUTCOME, rows=rows)))


def test_a_call_without_an_end_is_found() -> None:
    calls = (Call(call_id="stuck", state=CALL_STATE_UNKNOWN),)
    assert "stuck" in only(lost(replace(OUTCOME, calls=calls)))


def test_counts_that_are_not_those_of_the_rows_are_found() -> None:
    batch = Batch(state=BATCH_STATE_COMPLETED, counts=BatchCounts(total=2, completed=2, failed=0))
    assert "counts" in only(lost(replace(OUTCOME, batch=batch)))


def test_what_is_recorded_and_did_not_ring_so_is_found() -> None:
    assert ANN in only(untrue(ROWS, ringing([], [LISTED])))
    both = one_call("first", ANN) + one_call("second", BEN)
    assert BEN in only(untrue(ROWS, ringing(both, [LISTED])))


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        ((LOG[0], LOG[2]), "was never told of events: 1, among them 2"),
        ((LOG[0], LOG[1], LOG[1], LOG[2]), "was told twice of events: 1, among them 2"),
        ((LOG[0], LOG[2], LOG[1]), "was told of events out of order"),
        (
            (LOG[0], LOG[1], Event(sequence=3, type=EVENT_TYPE_CALL_UNKNOWN)),
            "was told something else in events: 1, among them 3",
        ),
    ],
)
def test_a_watcher_that_was_told_wrong_is_found(heard: tuple[Event, ...], found: str) -> None:
    assert only(unfaithful(witness(heard), LOG)) == f"a watcher {found}"


def test_a_gap_in_the_log_itself_is_found() -> None:
    assert only(gaps((LOG[0], LOG[2]), 3))
    assert only(gaps(LOG, 4))


def test_a_call_that_became_unknown_without_a_request_is_found() -> None:
    assert "call" in only(unknown_of_others((LOG[0], LOG[2], LOG[1])))
