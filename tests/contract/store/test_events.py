"""The log of a batch, read, brought up from, and erased."""

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.errors import OutOfRangeError, Reason
from outdial_server.domain.event import BatchAfter, EventType, ScheduledCallAfter
from outdial_server.domain.ids import BatchId
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)
from support.stores import World, accepted, answered, ended, refused, ringing


async def test_the_log_tells_a_life_from_its_first_event_to_its_last(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    for report in (accepted(call), ringing(call), answered(call), ended(call)):
        world.advance(seconds=1)
        await world.apply(report)
    events = await world.events(batch_id)
    assert [e.type for e in events] == [
        EventType.BATCH_CREATED,
        EventType.CALL_SENDING,
        EventType.CALL_ACCEPTED,
        EventType.CALL_RINGING,
        EventType.CALL_IN_PROGRESS,
        EventType.CALL_ENDED,
        EventType.BATCH_ENDED,
    ]
    assert [e.sequence for e in events] == [1, 2, 3, 4, 5, 6, 7]
    assert [(e.at - events[0].at).total_seconds() for e in events] == [0, 0, 1, 2, 3, 4, 4]
    assert [e.cause for e in events[1:6]] == ["SCHEDULER", *["CARRIER"] * 4]
    row = await world.row(batch_id)
    assert events[5].after == ScheduledCallAfter(
        scheduled_call_id=row.scheduled_call_id,
        position=0,
        state=ScheduledCallState.COMPLETED,
        state_reason="",
        dispatch_outcome=DispatchOutcome.ACCEPTED,
        call_id=call.call_id,
        attempt_number=1,
        call_state=CallState.ENDED,
        disposition=Disposition.ANSWERED_HUMAN,
    )
    assert isinstance(events[6].after, BatchAfter)


async def test_what_usually_brings_a_calls_events_about_is_not_stored_but_told(
    world: World,
) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    await world.apply(accepted(call))
    await world.apply(ended(call))
    stored = await world.sql("SELECT cause FROM events WHERE scheduled_key IS NOT NULL")
    assert {cause for (cause,) in stored} == {""}
    told = [(e.type, e.cause) for e in await world.events(batch_id, 1)]
    # As it was stored before: each with its words.
    await world.execute("UPDATE events SET cause = 'OLD_' || type")
    old = [e.cause for e in await world.events(batch_id, 1)]
    assert told == [
        (EventType.CALL_SENDING, "SCHEDULER"),
        (EventType.CALL_ACCEPTED, "CARRIER"),
        (EventType.CALL_ENDED, "CARRIER"),
        (EventType.BATCH_ENDED, "ALL_CALLS_ENDED"),
    ]
    assert old == [f"OLD_{event_type:d}" for event_type, _ in told]


async def test_an_event_says_from_which_state_the_batch_came(world: World) -> None:
    batch_id = await world.batch(1)
    for change in (rules.pause, rules.resume, rules.cancel):
        await world.change(batch_id, change)
    changes = [(event.type, event.after) for event in await world.events(batch_id)]
    batches = [(kind, after) for kind, after in changes if isinstance(after, BatchAfter)]
    running, paused = int(BatchState.RUNNING), int(BatchState.PAUSED)
    cancelled = int(BatchState.CANCELLED)
    assert [(kind, after.previous_state, after.state) for kind, after in batches[:4]] == [
        (EventType.BATCH_CREATED, None, running),
        (EventType.BATCH_STATE_CHANGED, running, paused),
        (EventType.BATCH_STATE_CHANGED, paused, running),
        (EventType.BATCH_STATE_CHANGED, running, cancelled),
    ]


async def test_events_are_read_from_anywhere_and_no_more_than_asked(world: World) -> None:
    batch_id = await world.batch(4)
    await world.live()
    log = world.store.events
    whole = await world.events(batch_id)
    assert len(whole) == 9
    some = await log.read(batch_id, 3, 4)
    assert list(some.events) == whole[3:7]
    assert some.batch == await world.get(batch_id)
    assert list((await log.read(batch_id, 9, 4)).events) == []
    assert list((await log.read(batch_id, 8, 4)).events) == whole[8:]


async def test_a_thinned_log_has_what_is_said_of_the_batch_and_how_far_it_was_read(
    world: World,
) -> None:
    batch_id = await world.batch(2)
    await world.apply(*(ended(call) for call in await world.live()))
    whole = await world.events(batch_id)
    log = world.store.events
    for after in range(len(whole) + 1):
        for limit in (1, 3, len(whole)):
            some = (await log.read(batch_id, after, limit)).events
            thinned = await log.read(batch_id, after, limit, thinned=True)
            assert list(thinned.events) == [
                event for event in some if isinstance(event.after, BatchAfter) or event is some[-1]
            ]
            assert thinned.batch.sequence == len(whole)


async def test_each_batch_has_a_log_of_its_own(world: World) -> None:
    one, two = await world.batch(1), await world.batch(2)
    await world.live()
    assert [e.sequence for e in await world.events(one)] == [1, 2, 3]
    assert [e.sequence for e in await world.events(two)] == [1, 2, 3, 4, 5]


async def test_rows_come_in_pages_with_the_batch_of_that_moment(world: World) -> None:
    batch_id = await world.batch(5)
    first = await world.store.events.rows(batch_id, -1, 3)
    assert [row.position for row in first.rows] == [0, 1, 2]
    assert first.batch == await world.get(batch_id)
    second = await world.store.events.rows(batch_id, 2, 3)
    assert [row.position for row in second.rows] == [3, 4]


async def test_changed_since_shows_exactly_the_rows_of_the_next_events(world: World) -> None:
    batch_id = await world.batch(6)
    seen = (await world.get(batch_id)).sequence
    calls = await world.sending(3)
    await world.apply(accepted(calls[1]))
    changed = await world.store.events.changed_since(batch_id, seen, 100)
    assert [row.position for row in changed.rows] == [0, 1, 2]
    assert changed.complete_to == changed.batch.sequence == seen + 4
    assert list(changed.rows) == (await world.rows(batch_id))[:3]
    two = await world.store.events.changed_since(batch_id, seen, 2)
    assert [row.position for row in two.rows] == [0, 1]
    assert two.complete_to == seen + 2
    rest = await world.store.events.changed_since(batch_id, seen + 2, 100)
    assert [row.position for row in rest.rows] == [1, 2]
    none = await world.store.events.changed_since(batch_id, seen + 4, 100)
    assert (list(none.rows), none.complete_to) == ([], seen + 4)


async def test_pages_read_at_different_moments_are_brought_up_to_one(world: World) -> None:
    batch_id = await world.batch(7)
    known: dict[int, ScheduledCall] = {}
    begun_at = (await world.get(batch_id)).sequence
    position = -1
    for step in range(4):
        page = await world.store.events.rows(batch_id, position, 2)
        for row in page.rows:
            known[row.position] = row
            position = row.position
        calls = await world.sending(2)
        await world.apply(*(accepted(c) for c in calls[:1]), *(refused(c) for c in calls[1:]))
        if step == 1:
            first = await world.row(batch_id)
            assert first.call_id is not None
            await world.apply(ended(calls[0]))
    reached = begun_at
    while True:
        changed = await world.store.events.changed_since(batch_id, reached, 3)
        known.update({row.position: row for row in changed.rows})
        reached = changed.complete_to
        if reached == changed.batch.sequence:
            break
    assert [known[n] for n in sorted(known)] == await world.rows(batch_id)


async def _with_log(world: World, batch_id: BatchId) -> int:
    calls = await world.live()
    await world.apply(*(ended(c) for c in calls))
    return (await world.get(batch_id)).sequence


async def test_an_erased_range_is_named_never_left_out(world: World) -> None:
    batch_id = await world.batch(3)
    newest = await _with_log(world, batch_id)
    assert await world.erase_events(batch_id, 5) == 4
    for after in (0, 3):
        for attempt in (
            world.store.events.read(batch_id, after, 10),
            world.store.events.changed_since(batch_id, after, 10),
        ):
            with pytest.raises(OutOfRangeError) as refusal:
                await attempt
            assert refusal.value.reason is Reason.EVENTS_ERASED
            assert refusal.value.metadata == {"oldest_sequence": "5"}
    events = (await world.store.events.read(batch_id, 4, 100)).events
    assert [e.sequence for e in events] == list(range(5, newest + 1))


async def test_the_whole_log_can_be_erased_and_goes_on(world: World) -> None:
    batch_id = await world.batch(2)
    calls = await world.live()
    newest = (await world.get(batch_id)).sequence
    assert await world.erase_events(batch_id, newest + 100) == newest
    with pytest.raises(OutOfRangeError) as refusal:
        await world.events(batch_id, 0)
    assert refusal.value.metadata == {"oldest_sequence": str(newest + 1)}
    assert await world.events(batch_id, newest) == []
    await world.apply(ended(calls[0]))
    assert [e.sequence for e in await world.events(batch_id, newest)] == [newest + 1]


async def test_erasing_one_log_leaves_the_others(world: World) -> None:
    one, two = await world.batch(1), await world.batch(1)
    await world.live()
    await world.erase_events(one, 3)
    assert [e.sequence for e in await world.events(two)] == [1, 2, 3]


async def test_a_deleted_batch_is_read_to_its_end(world: World) -> None:
    batch_id = await world.batch(2)
    (call,) = await world.live(1)
    await world.change(batch_id, rules.delete)
    await world.settle_all()
    await world.apply(ended(call))
    events = await world.events(batch_id)
    assert events[-1].type is EventType.BATCH_ENDED
    assert EventType.BATCH_DELETED in {e.type for e in events}
    assert len(await world.rows(batch_id)) == 2
    assert len((await world.store.events.changed_since(batch_id, 1, 100)).rows) == 2
