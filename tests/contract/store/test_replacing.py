"""A list that takes the place of those who wait: one change of the batch, before which it is as it
was, and after which nobody of the old list is called any more."""

from datetime import timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.errors import (
    ConflictError,
    InvalidFieldsError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.event import EventType
from outdial_server.domain.gates import ROWS_END
from outdial_server.domain.ids import BatchId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.window_estimate import WindowCheck
from outdial_server.ports.intake import Outcome
from support.invariants import check_invariants
from support.stores import World, addresses, answered, bring_in, ended, new_rows, number

NEW = 5_000


async def _states(world: World, batch_id: BatchId) -> list[tuple[str, str]]:
    return [(row.state.name, row.state_reason) for row in await world.rows(batch_id)]


async def test_who_waits_is_cancelled_and_the_new_ones_are_dialled(world: World) -> None:
    batch_id = await world.batch(3)
    stored = await world.add(batch_id, 2, replaces=True)
    counts = stored.batch.counts
    assert (counts.total, counts.waiting, counts.cancelled) == (5, 2, 3)
    replaced = ("CANCELLED", "REPLACED")
    assert await _states(world, batch_id) == [replaced] * 3 + [("WAITING", "")] * 2
    assert addresses(await world.sending()) == [number(NEW), number(NEW + 1)]
    await check_invariants(world.store)


async def test_it_is_told_as_an_addition_and_the_end_of_each_who_left(world: World) -> None:
    batch_id = await world.batch(2)
    before = (await world.get(batch_id)).sequence
    await world.add(batch_id, 1, replaces=True)
    told = [(event.type, event.cause) for event in await world.events(batch_id, before)]
    ended_by_user = (EventType.SCHEDULED_CALL_ENDED, "USER_REQUEST")
    assert told == [(EventType.SCHEDULED_CALLS_ADDED, "USER_REQUEST")] + [ended_by_user] * 2


async def test_who_is_in_a_call_or_was_called_stays(world: World) -> None:
    batch_id = await world.batch(3)
    over, live = await world.live(2)
    await world.apply(ended(over), answered(live))
    await world.add(batch_id, 1, replaces=True)
    states = [state for state, _ in await _states(world, batch_id)]
    assert states == ["FAILED", "IN_PROGRESS", "CANCELLED", "WAITING"]
    await world.apply(ended(live))
    assert (await world.row(batch_id, 1)).state is ScheduledCallState.COMPLETED
    await check_invariants(world.store)


async def test_who_was_claimed_before_is_not_sent_behind_it(world: World) -> None:
    batch_id = await world.batch(2)
    claimed = await world.claim()
    assert addresses(claimed) == [number(0), number(1)]
    await world.add(batch_id, 1, replaces=True)
    assert not (await world.send(claimed)).calls
    assert await world.used() == (0, 0)
    assert addresses(await world.sending()) == [number(NEW)]
    await check_invariants(world.store)


async def test_one_that_breaks_off_before_leaves_the_batch_as_it_was(world: World) -> None:
    batch_id = await world.batch(2)
    before = await world.get(batch_id)

    class Gone(Exception):
        pass

    async def replace_and_break_off() -> None:
        async with world.store.intake.append(
            world.account_id, batch_id, None, replaces=True
        ) as under_way:
            await under_way.stage(new_rows(3, NEW))
            raise Gone

    with pytest.raises(Gone):
        await replace_and_break_off()
    assert await world.get(batch_id) == before
    assert addresses(await world.sending()) == [number(0), number(1)]


async def test_one_that_breaks_off_behind_is_carried_to_its_end(world: World) -> None:
    """Until then nobody of either list is dialled, and the batch says why."""
    batch_id = await world.batch(5)
    await world.replace_and_leave(batch_id, new_rows(2, NEW))
    assert await world.claim() == []
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    (gate,) = [answer for answer in standing.scope_answers if not answer.is_open]
    assert (gate.reason, gate.waits_for) == ("ROWS_BEING_REPLACED", ROWS_END)
    await check_invariants(world.store)
    await world.settle_all(limit=2)
    counts = (await world.get(batch_id)).counts
    assert (counts.waiting, counts.cancelled) == (2, 5)
    assert addresses(await world.sending()) == [number(NEW), number(NEW + 1)]
    await check_invariants(world.store)


async def test_a_batch_that_is_cancelled_meanwhile_ends(world: World) -> None:
    batch_id = await world.batch(3)
    await world.replace_and_leave(batch_id, new_rows(2, NEW))
    await world.change(batch_id, rules.cancel)
    await world.settle_all(limit=2)
    batch = await world.get(batch_id)
    assert batch.state is BatchState.CANCELLED
    assert batch.ended_at is not None
    assert not batch.is_replacing
    assert [state for state, _ in await _states(world, batch_id)] == ["CANCELLED"] * 5
    await check_invariants(world.store)


async def test_nobody_is_retried_before_they_have_ended(world: World) -> None:
    batch_id = await world.batch(3)
    for call in await world.live(1):
        await world.apply(ended(call))
    await world.replace_and_leave(batch_id, new_rows(1, NEW))
    with pytest.raises(PreconditionError) as caught:
        await world.retry(batch_id, ScheduledCallState.FAILED)
    assert caught.value.reason is Reason.BATCH_STATE
    await world.settle_all()
    assert await world.retry(batch_id, ScheduledCallState.FAILED) == 1


async def test_a_second_one_replaces_the_first(world: World) -> None:
    batch_id = await world.batch(3)
    await world.replace_and_leave(batch_id, new_rows(2, NEW))
    stored = await world.add(batch_id, 1, first=NEW + 10, replaces=True)
    assert (stored.batch.counts.waiting, stored.batch.counts.cancelled) == (1, 5)
    assert addresses(await world.sending()) == [number(NEW + 10)]
    await check_invariants(world.store)


# --- checks


async def test_only_the_new_ones_have_to_fit_into_the_window(world: World) -> None:
    terms = {
        "max_concurrent_calls": 1,
        "expected_call_duration": timedelta(minutes=1),
        "window_end": world.later(minutes=10),
        "window_check": WindowCheck.REFUSE,
    }
    batch_id = await world.batch(8, **terms)
    stored = await world.add(batch_id, 8, replaces=True)
    assert stored.estimate is not None
    assert stored.estimate.fits
    with pytest.raises(InvalidFieldsError) as caught:
        await world.add(batch_id, 20, first=NEW + 100, replaces=True)
    assert caught.value.reason is Reason.WINDOW_TOO_SHORT
    assert (await world.get(batch_id)).counts.waiting == 8


async def test_a_rehearsal_tells_the_batch_as_it_would_be(world: World) -> None:
    batch_id = await world.batch(3)
    before = await world.get(batch_id)
    async with world.store.intake.rehearse_append(
        world.account_id, batch_id, replaces=True
    ) as under_way:
        stored = await bring_in(under_way, new_rows(2, NEW))
    counts = stored.batch.counts
    assert (counts.total, counts.waiting, counts.cancelled) == (5, 2, 3)
    assert await world.get(batch_id) == before


class TestDuplicates:
    async def test_who_waits_is_none(self, world: World) -> None:
        batch_id = await world.batch(3, duplicates=DuplicatePolicy.REJECT)
        # Claimed and not sent is waiting, too.
        await world.claim(1)
        stored = await world.add(batch_id, new_rows(3), replaces=True)
        assert stored.duplicate_count == 0
        assert addresses(await world.sending()) == [number(0), number(1), number(2)]

    async def test_who_was_called_is_one(self, world: World) -> None:
        batch_id = await world.batch(3, duplicates=DuplicatePolicy.SKIP)
        await world.live(1)
        stored = await world.add(batch_id, new_rows(3), replaces=True)
        assert [row.normalized_address for row in stored.skipped] == [number(0)]
        assert addresses(await world.sending()) == [number(1), number(2)]

    async def test_of_a_list_of_them_alone_nobody_is_left(self, world: World) -> None:
        batch_id = await world.batch(2, duplicates=DuplicatePolicy.SKIP)
        (live,) = await world.live(1)
        stored = await world.add(batch_id, new_rows(1), replaces=True)
        assert (stored.batch.counts.waiting, stored.batch.counts.cancelled) == (0, 1)
        await world.apply(ended(live))
        assert (await world.get(batch_id)).state is BatchState.COMPLETED

    async def test_who_is_called_while_it_comes_in_refuses_it(self, world: World) -> None:
        batch_id = await world.batch(2, duplicates=DuplicatePolicy.SKIP)

        async def replace_beside_a_call() -> None:
            async with world.store.intake.append(
                world.account_id, batch_id, None, replaces=True
            ) as under_way:
                await under_way.stage(new_rows(2))
                await world.live(1)
                await under_way.reveal(Outcome(), None)

        with pytest.raises(ConflictError) as caught:
            await replace_beside_a_call()
        assert caught.value.reason is Reason.BATCH_CHANGED
        assert addresses(await world.sending()) == [number(1)]
        await check_invariants(world.store)
