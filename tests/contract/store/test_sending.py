"""SENDING: the last look before a request is let go."""

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.call import CallState
from outdial_server.domain.errors import NotFoundError
from outdial_server.domain.silence import LEASE
from outdial_server.ports.batches import Decide
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.sending import release_claims
from support.invariants import check_invariants
from support.stores import World, accepted, ended, not_sent


async def test_sent_calls_count_as_tries_and_as_sends_in_flight(world: World) -> None:
    batch_id = await world.batch(3)
    calls = await world.claim(2)
    sent = await world.send(calls)
    assert (list(sent.calls), sent.given_back) == (calls, 0)
    counts = (await world.get(batch_id)).counts
    assert (counts.waiting, counts.dialing, counts.sends_in_flight) == (1, 2, 2)
    assert [(await world.row(batch_id, n)).attempt_count for n in range(3)] == [1, 1, 0]
    assert await world.call_state(calls[0]) is CallState.SENDING
    await check_invariants(world.store)


async def test_a_claim_is_sent_once(world: World) -> None:
    await world.batch(2)
    calls = await world.claim()
    await world.send(calls)
    again = await world.send(calls)
    assert (again.calls, again.given_back) == ((), 0)
    await check_invariants(world.store)


async def test_the_group_is_taken_once(world: World) -> None:
    await world.batch(3)
    calls = await world.claim()
    takes = []

    def take() -> list[object]:
        takes.append(1)
        return list(calls)

    sent = await world.store.dispatch.mark_sending(take)  # type: ignore[arg-type]
    assert (len(sent.calls), len(takes)) == (3, 1)


async def test_an_empty_group_is_fine(world: World) -> None:
    sent = await world.send([])
    assert (sent.calls, sent.given_back) == ((), 0)


@pytest.mark.parametrize("decide", [rules.pause, rules.cancel, rules.delete])
async def test_a_batch_that_was_stopped_lets_nothing_go(world: World, decide: Decide) -> None:
    batch_id = await world.batch(3)
    calls = await world.claim()
    await world.change(batch_id, decide)
    sent = await world.send(calls)
    assert (sent.calls, sent.given_back) == ((), 3)
    assert await world.used() == (0, 0)
    assert (await world.look(batch_id)).counts.waiting == 3
    for call in calls:
        with pytest.raises(NotFoundError):
            await world.store.calls.get_call(call.account_id, call.call_id)
    await check_invariants(world.store)


async def test_a_claim_given_back_at_a_pause_is_used_after_it(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.claim()
    await world.change(batch_id, rules.pause)
    await world.send([call])
    await world.change(batch_id, rules.resume)
    (again,) = await world.claim()
    assert again.call_id == call.call_id
    assert again.fence > call.fence
    assert (await world.send([call])).calls == ()
    assert list((await world.send([again])).calls) == [again]


async def test_a_pause_that_was_taken_back_does_no_harm(world: World) -> None:
    batch_id = await world.batch(1)
    calls = await world.claim()
    await world.change(batch_id, rules.pause)
    await world.change(batch_id, rules.resume)
    assert list((await world.send(calls)).calls) == calls


async def test_a_closed_window_lets_nothing_go(world: World) -> None:
    await world.batch(2, window_end=world.later(seconds=10))
    calls = await world.claim()
    world.advance(seconds=10, microseconds=-1)
    assert len((await world.send(calls[:1])).calls) == 1
    world.advance(microseconds=1)
    sent = await world.send(calls[1:])
    assert (sent.calls, sent.given_back) == ((), 1)
    await check_invariants(world.store)


async def test_a_window_that_was_put_off_lets_nothing_go(world: World) -> None:
    batch_id = await world.batch(1)
    calls = await world.claim()
    await world.edit(batch_id, window_start=world.later(minutes=1))
    assert (await world.send(calls)).given_back == 1


async def test_one_batch_that_was_stopped_holds_back_no_other(world: World) -> None:
    stopped, runs = await world.batch(2), await world.batch(2)
    calls = await world.claim()
    await world.change(stopped, rules.pause)
    sent = await world.send(calls)
    assert {call.batch_id for call in sent.calls} == {runs}
    assert (len(sent.calls), sent.given_back) == (2, 2)
    await check_invariants(world.store)


async def test_a_lost_claim_is_left_out(world: World) -> None:
    await world.batch(2)
    lost, *_ = calls = await world.claim()
    row = await world.row(lost.batch_id)
    await world.store.calls.cancel_scheduled_call(world.account_id, row.scheduled_call_id)
    sent = await world.send(calls)
    assert (list(sent.calls), sent.given_back) == (calls[1:], 0)
    await check_invariants(world.store)


async def test_a_claim_that_the_reaper_took_is_left_out(world: World) -> None:
    await world.batch(1)
    calls = await world.claim()
    world.advance(seconds=LEASE.total_seconds())
    await world.store.dispatch.reap()
    sent = await world.send(calls)
    assert (sent.calls, sent.given_back) == ((), 0)


async def test_a_lease_that_ran_out_unnoticed_still_counts(world: World) -> None:
    """Nobody else had the call in between: its fence is still the newest."""
    await world.batch(1)
    calls = await world.claim()
    world.advance(seconds=3 * LEASE.total_seconds())
    assert list((await world.send(calls)).calls) == calls


async def test_sending_has_a_lease_of_its_own(world: World) -> None:
    await world.batch(1)
    await world.sending()
    assert (await world.store.dispatch.reap()).next_at == world.clock.now() + LEASE


async def test_calls_of_many_batches_go_in_one_group(world: World) -> None:
    batches = [await world.batch(2) for _ in range(5)]
    calls = await world.sending()
    assert len(calls) == 10
    for batch_id in batches:
        assert (await world.get(batch_id)).sequence == 3
    await world.apply(*(accepted(c) for c in calls), *(ended(c) for c in calls))
    await check_invariants(world.store)


async def test_a_group_may_hold_an_old_and_a_new_claim_of_one_call(world: World) -> None:
    await world.batch(1)
    (old,) = await world.sending()
    await world.apply(not_sent(old))
    world.advance(seconds=1)
    (new,) = await world.claim()
    assert list((await world.send([old, new])).calls) == [new]
    await check_invariants(world.store)


async def test_the_newer_claim_counts_in_either_order(world: World) -> None:
    await world.batch(1)
    (old,) = await world.sending()
    await world.apply(not_sent(old))
    world.advance(seconds=1)
    (new,) = await world.claim()
    assert list((await world.send([new, old])).calls) == [new]


async def test_an_older_claim_of_a_call_is_left_out(world: World) -> None:
    await world.batch(1)
    (old,) = await world.claim()
    world.advance(seconds=LEASE.total_seconds())
    await world.store.dispatch.reap()
    (new,) = await world.claim()
    assert new.call_id == old.call_id
    assert (await world.send([old])).calls == ()
    assert list((await world.send([new])).calls) == [new]
    await check_invariants(world.store)


async def test_a_claim_that_was_sent_meanwhile_is_not_released(world: World) -> None:
    """Who releases has read the claim before, and may come behind the dialler."""
    await world.batch(1)
    (call,) = await world.sending()

    def release(tx: Tx) -> int:
        ((key, fence),) = tx.all("SELECT key, fence FROM calls")
        return release_claims(tx, [(key, fence)])

    assert await world.store.database.write(release) == 0
    assert await world.call_state(call) is CallState.SENDING
    await check_invariants(world.store)
