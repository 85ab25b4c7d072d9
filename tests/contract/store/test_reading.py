"""Reading batches, rows and calls: what is shown, to whom, page by page."""

from typing import Any

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.call import CallFilter, CallState, Disposition
from outdial_server.domain.errors import NotFoundError, Reason
from outdial_server.domain.ids import AccountId, AgentId, BatchId, CallId, ScheduledCallId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
    state_while_open,
)
from outdial_server.storage.store import Store
from outdial_server.storage.verbs import call_reading
from outdial_server.storage.verbs.paging import ROWS_PER_LOOK
from outdial_server.storage.verbs.reading import VISIBLE_STATE
from support.stores import (
    HOLD,
    NO_ID,
    World,
    accepted,
    all_pages,
    answered,
    ended,
    new_row,
    not_sent,
    refused,
    ringing,
    unclear,
)


async def batches(world: World, size: int = 2, **filters: Any) -> tuple[list[Batch], int]:
    return await all_pages(
        lambda p: world.store.batches.list_batches(world.account_id, p, **filters),
        size,
    )


async def rows(
    world: World, batch_id: BatchId, size: int = 2, **filters: Any
) -> tuple[list[ScheduledCall], int]:
    return await all_pages(
        lambda p: world.store.calls.list_scheduled_calls(
            world.account_id,
            batch_id,
            p,
            **filters,
        ),
        size,
    )


async def test_batches_are_listed_newest_first(world: World) -> None:
    made = [await world.batch(1) for _ in range(5)]
    listed, pages = await batches(world)
    assert [b.batch_id for b in listed] == made[::-1]
    assert pages == 3
    assert (await batches(world, size=5))[1] == 1
    assert listed[0] == await world.get(made[-1])


async def test_batches_are_filtered_by_state_and_agent(world: World) -> None:
    bob = await world.new_agent("Bob")
    running, paused, of_bob = [
        await world.batch(1),
        await world.batch(1),
        await world.batch(1, agent_id=bob),
    ]
    await world.change(paused, rules.pause)

    async def found(**filters: Any) -> list[BatchId]:
        return [b.batch_id for b in (await batches(world, size=1, **filters))[0]]

    assert await found(states=[BatchState.PAUSED]) == [paused]
    assert await found(states={BatchState.PAUSED, BatchState.RUNNING}) == [of_bob, paused, running]
    assert await found(states=[BatchState.FAILED]) == []
    assert await found(agent_id=bob) == [of_bob]
    assert await found(agent_id=bob, states=[BatchState.PAUSED]) == []
    with pytest.raises(NotFoundError):
        await found(agent_id=AgentId(NO_ID))


async def test_rows_are_listed_by_position(world: World) -> None:
    batch_id = await world.batch([new_row(n, priority=n % 3) for n in range(5)])
    listed, pages = await rows(world, batch_id)
    assert [row.position for row in listed] == [0, 1, 2, 3, 4]
    assert pages == 3
    assert listed == await world.rows(batch_id)


async def test_rows_are_found_by_custom_id(world: World) -> None:
    batch_id = await world.batch([new_row(n, custom_id=f"p{n % 3}") for n in range(7)])
    found, _ = await rows(world, batch_id, custom_id="p1")
    assert [row.position for row in found] == [1, 4]
    assert (await rows(world, batch_id, custom_id="p"))[0] == []


async def in_every_state(world: World) -> BatchId:
    """A batch with a row in each state that it can have, and one claimed."""
    batch_id = await world.batch(10, unknown_policy=HOLD)
    calls = await world.claim(8)
    await world.send(calls[:7])
    await world.apply(
        *(accepted(call) for call in calls[1:5]),
        ringing(calls[2]),
        answered(calls[3]),
        ended(calls[4], Disposition.ANSWERED_HUMAN),
        refused(calls[5]),
        unclear(calls[6]),
    )
    last = await world.row(batch_id, 9)
    await world.store.calls.cancel_scheduled_call(world.account_id, last.scheduled_call_id)
    return batch_id


EVERY_STATE = [
    ScheduledCallState.DIALING,
    ScheduledCallState.DIALING,
    ScheduledCallState.DIALING,
    ScheduledCallState.IN_PROGRESS,
    ScheduledCallState.COMPLETED,
    ScheduledCallState.FAILED,
    ScheduledCallState.DIALING,
    ScheduledCallState.WAITING,
    ScheduledCallState.WAITING,
    ScheduledCallState.CANCELLED,
]


async def test_each_state_filters_the_rows_that_show_it(world: World) -> None:
    batch_id = await in_every_state(world)
    shown = await world.rows(batch_id)
    assert [row.state for row in shown] == EVERY_STATE
    for state in ScheduledCallState:
        found, _ = await rows(world, batch_id, states=[state])
        assert found == [row for row in shown if row.state is state], state.name
    both = [ScheduledCallState.FAILED, ScheduledCallState.CANCELLED]
    assert len((await rows(world, batch_id, states=both))[0]) == 2


@pytest.mark.parametrize("call_state", [None, *CallState])
async def test_the_state_in_sql_is_the_domains(world: World, call_state: CallState | None) -> None:
    number = f"CAST({'NULL' if call_state is None else int(call_state)} AS integer)"
    of_nothing = f"(SELECT CAST(NULL AS integer) AS final_state) s, (SELECT {number} AS state) c"
    ((in_sql,),) = await world.sql("SELECT " + VISIBLE_STATE + " FROM " + of_nothing)
    assert ScheduledCallState(in_sql) is state_while_open(call_state)


async def test_a_row_follows_its_call(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.claim()
    claimed = await world.row(batch_id)
    assert (claimed.state, claimed.call_id) == (ScheduledCallState.WAITING, None)
    assert (claimed.attempt_count, claimed.due_at) == (0, None)
    await world.send([call])
    dialing = await world.row(batch_id)
    assert (dialing.state, dialing.call_id) == (ScheduledCallState.DIALING, call.call_id)
    assert (dialing.attempt_count, dialing.dispatch_outcome) == (1, DispatchOutcome.NONE)
    sent_at = world.clock.now()
    assert (claimed.sent_at, dialing.sent_at) == (None, sent_at)
    world.advance(seconds=1)
    at = world.clock.now()
    await world.apply(accepted(call))
    taken = await world.row(batch_id)
    assert (taken.dispatch_outcome, taken.dispatched_at) == (DispatchOutcome.ACCEPTED, at)
    world.advance(seconds=1)
    await world.apply(answered(call))
    assert (await world.row(batch_id)).state is ScheduledCallState.IN_PROGRESS
    world.advance(seconds=1)
    await world.apply(ended(call))
    over = await world.row(batch_id)
    assert (over.state, over.disposition) == (
        ScheduledCallState.COMPLETED,
        Disposition.ANSWERED_HUMAN,
    )
    assert (over.dispatched_at, over.ended_at) == (at, world.clock.now())
    assert (over.attempt_count, over.call_id, over.sent_at) == (1, call.call_id, sent_at)


async def test_a_row_that_is_dialled_again_shows_the_new_call_alone(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    await world.apply(not_sent(call))
    waits = await world.row(batch_id)
    assert (waits.state, waits.state_reason) == (ScheduledCallState.WAITING, "RATE")
    world.advance(seconds=1)
    await world.sending()
    assert (await world.row(batch_id)).state_reason == ""


async def test_an_unknown_call_says_why(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    await world.apply(unclear(call))
    assert (await world.row(batch_id)).state_reason == "DEADLINE"
    await world.apply(accepted(call))
    assert (await world.row(batch_id)).state_reason == ""


# --- calls


async def test_a_call_is_shown_from_sending_on(world: World) -> None:
    await world.batch(1, caller_id="+15550009")
    (call,) = await world.claim()
    with pytest.raises(NotFoundError) as refusal:
        await world.store.calls.get_call(world.account_id, call.call_id)
    assert refusal.value.reason is Reason.CALL_NOT_FOUND
    assert (await world.store.calls.list_calls(world.account_id, _page())).items == []
    world.advance(seconds=1)
    await world.send([call])
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert (shown.state, shown.sent_at) == (CallState.SENDING, world.clock.now())
    assert (shown.attempt_number, shown.caller_id) == (1, "+15550009")
    assert (shown.address, shown.carrier) == (call.address, "simulated")
    assert (shown.batch_id, shown.agent_id) == (call.batch_id, world.agent_id)
    assert shown.scheduled_call_id == (await world.row(call.batch_id)).scheduled_call_id


async def test_a_call_says_when_it_was_what(world: World) -> None:
    await world.batch(1)
    (call,) = await world.sending()
    moments = [world.clock.now()]
    for report in (accepted(call, "c-1"), ringing(call), answered(call), ended(call)):
        world.advance(seconds=1)
        moments.append(world.clock.now())
        await world.apply(report)
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert [
        shown.sent_at,
        shown.accepted_at,
        shown.ringing_at,
        shown.answered_at,
        shown.ended_at,
    ] == moments
    assert (shown.carrier_call_id, shown.state) == ("c-1", CallState.ENDED)
    assert shown.disposition is Disposition.ANSWERED_HUMAN


async def test_calls_are_listed_newest_first_and_filtered(world: World) -> None:
    one, two = await world.batch(3), await world.batch(2)
    calls = await world.sending()
    await world.apply(*(ended(c) for c in calls[:2]))

    async def found(**filters: Any) -> list[CallId]:
        listed, _ = await all_pages(
            lambda p: world.store.calls.list_calls(world.account_id, p, CallFilter(**filters))
        )
        return [c.call_id for c in listed]

    newest_first = [c.call_id for c in calls][::-1]
    assert sorted(await found()) == sorted(newest_first)
    assert await found(batch_id=one) == [c.call_id for c in calls if c.batch_id == one][::-1]
    assert len(await found(batch_id=two)) == 2
    row = await world.row(one)
    assert len(await found(scheduled_call_id=row.scheduled_call_id)) == 1
    assert await found(batch_id=two, scheduled_call_id=row.scheduled_call_id) == []
    assert len(await found(states=[CallState.ENDED])) == 2
    assert len(await found(states=[CallState.ENDED, CallState.SENDING])) == 5
    assert await found(states=[CallState.CLAIMED]) == []


def _page() -> PageRequest:

    return PageRequest()


# --- isolation


async def _append(store: Store, account_id: AccountId, batch_id: BatchId) -> None:
    async with store.intake.append(account_id, batch_id, None):
        raise AssertionError("it must not be found")


async def test_nothing_is_found_in_another_account(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    row = await world.row(batch_id)
    stranger = await world.new_account()
    store, page = world.store, _page()
    for reason, attempt in [
        (Reason.BATCH_NOT_FOUND, store.batches.get_batch(stranger, batch_id)),
        (Reason.BATCH_NOT_FOUND, store.batches.change_batch(stranger, batch_id, rules.pause)),
        (Reason.BATCH_NOT_FOUND, _append(store, stranger, batch_id)),
        (Reason.BATCH_NOT_FOUND, store.calls.list_scheduled_calls(stranger, batch_id, page)),
        (
            Reason.SCHEDULED_CALL_NOT_FOUND,
            store.calls.get_scheduled_call(stranger, row.scheduled_call_id),
        ),
        (
            Reason.SCHEDULED_CALL_NOT_FOUND,
            store.calls.cancel_scheduled_call(stranger, row.scheduled_call_id),
        ),
        (Reason.CALL_NOT_FOUND, store.calls.get_call(stranger, call.call_id)),
        (Reason.BATCH_NOT_FOUND, store.calls.list_calls(stranger, page, CallFilter(batch_id))),
        (
            Reason.SCHEDULED_CALL_NOT_FOUND,
            store.calls.list_calls(stranger, page, CallFilter(None, row.scheduled_call_id)),
        ),
        (Reason.AGENT_NOT_FOUND, store.batches.list_batches(stranger, page, (), world.agent_id)),
    ]:
        with pytest.raises(NotFoundError) as refusal:
            await attempt
        assert refusal.value.reason is reason
    assert (await store.batches.list_batches(stranger, page)).items == []
    assert (await store.calls.list_calls(stranger, page)).items == []


@pytest.mark.parametrize("any_id", [NO_ID, "no uuid", ""])
async def test_an_id_of_nothing_is_not_found(world: World, any_id: str) -> None:
    for attempt in (
        world.get(BatchId(any_id)),
        world.change(BatchId(any_id), rules.pause),
        world.store.calls.get_scheduled_call(world.account_id, ScheduledCallId(any_id)),
        world.store.calls.cancel_scheduled_call(world.account_id, ScheduledCallId(any_id)),
        world.store.calls.get_call(world.account_id, CallId(any_id)),
        world.store.batches.get_batch(AccountId(any_id), BatchId(any_id)),
        world.store.events.read(BatchId(any_id), 0, 1),
        world.store.events.rows(BatchId(any_id), -1, 1),
        world.store.events.changed_since(BatchId(any_id), 0, 1),
    ):
        with pytest.raises(NotFoundError):
            await attempt


# --- what no index finds -------------------------------------------------------


async def test_rows_in_a_rare_state_are_looked_for_in_bounded_reads(world: World) -> None:
    batch_id = await world.batch(3)
    for call in (await world.sending())[::2]:
        await world.apply(refused(call))
    # As if many more rows had come in between the first and the last.
    far = 2 * ROWS_PER_LOOK + 5
    await world.execute("UPDATE scheduled_calls SET position = :far WHERE position = 2", far=far)
    await world.execute("UPDATE batches SET next_position = :end", end=far + 1)
    failed = {"states": [ScheduledCallState.FAILED]}
    found, pages = await rows(world, batch_id, **failed)
    assert [row.position for row in found] == [0, far]
    assert pages == 3, "the first is short, the second empty"
    assert (await rows(world, batch_id, size=1))[1] == 3, "all rows are found by the index"


async def test_calls_of_an_account_are_looked_for_among_all_in_bounded_reads(
    world: World,
) -> None:
    await world.batch(3)
    first, second, third = await world.sending()
    far = 2 * ROWS_PER_LOOK + 5
    await world.execute(
        "UPDATE scheduled_calls SET call_key = :far WHERE call_key = (SELECT MAX(key) FROM calls)",
        far=far,
    )
    await world.execute(
        "UPDATE calls SET key = :far WHERE key = (SELECT MAX(key) FROM calls)", far=far
    )

    async def listed(**filters: Any) -> tuple[list[CallId], int]:
        calls, pages = await all_pages(
            lambda p: world.store.calls.list_calls(world.account_id, p, CallFilter(**filters))
        )
        return [call.call_id for call in calls], pages

    newest_first = [third.call_id, second.call_id, first.call_id]
    assert await listed() == (newest_first, 3)
    assert await listed(batch_id=third.batch_id) == (newest_first, 2)
    assert await listed(states=[CallState.ENDED]) == ([], 3)


async def test_calls_in_a_rare_state_are_looked_for_in_bounded_reads(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_reading, "ROWS_PER_LOOK", 2)
    batch_id = await world.batch(7)
    calls = await world.live()
    await world.apply(ended(calls[0]), ended(calls[6]))

    async def listed(*states: CallState) -> tuple[list[CallId], int]:
        found, pages = await all_pages(
            lambda p: world.store.calls.list_calls(
                world.account_id, p, CallFilter(batch_id, states=states)
            )
        )
        return [call.call_id for call in found], pages

    assert await listed(CallState.ENDED) == ([calls[6].call_id, calls[0].call_id], 3)
    assert await listed(CallState.UNKNOWN) == ([], 3)
    assert (await listed())[0] == [call.call_id for call in reversed(calls)]


async def test_calls_are_found_by_how_they_ended(world: World) -> None:
    batch_id = await world.batch(3)
    busy, answered, live = await world.live()
    await world.apply(ended(busy, Disposition.BUSY), ended(answered, Disposition.ANSWERED_HUMAN))

    async def listed(*ends: Disposition, **filters: Any) -> list[CallId]:
        wanted = CallFilter(dispositions=ends, **filters)
        found, _ = await all_pages(
            lambda p: world.store.calls.list_calls(world.account_id, p, wanted)
        )
        return [call.call_id for call in found]

    assert await listed(Disposition.BUSY) == [busy.call_id]
    both = await listed(Disposition.BUSY, Disposition.ANSWERED_HUMAN, batch_id=batch_id)
    assert both == [answered.call_id, busy.call_id]
    assert await listed(Disposition.NO_ANSWER) == []
    assert await listed() == [live.call_id, *both]
