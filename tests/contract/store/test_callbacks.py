"""The inbox of callbacks."""

import asyncio

from outdial_server.domain.call import CallState
from outdial_server.ports.carrier import RawCallback
from support.stores import World, accepted


def _callback(n: int) -> RawCallback:
    return RawCallback(
        "simulated",
        f"/calls/{n}",
        "a=1&b=%20",
        {"x-signature": f"s{n}"},
        b"\x00\xff{" + bytes([n]),
        carrier_config=f"k-{n}",
    )


async def test_a_callback_is_kept_byte_for_byte_until_it_is_acted_on(world: World) -> None:
    await world.store.callbacks.store(_callback(1))
    stored = await world.store.callbacks.pending(10)
    assert [s.callback for s in stored] == [_callback(1)]
    assert [s.callback for s in await world.store.callbacks.pending(10)] == [_callback(1)]


async def test_callbacks_come_oldest_first_and_no_more_than_asked(world: World) -> None:
    for n in range(5):
        await world.store.callbacks.store(_callback(n))
    stored = await world.store.callbacks.pending(3)
    assert [s.callback for s in stored] == [_callback(n) for n in range(3)]


async def test_callbacks_that_come_together_are_all_stored(world: World) -> None:
    await asyncio.gather(*(world.store.callbacks.store(_callback(n)) for n in range(100)))
    stored = await world.store.callbacks.pending(1000)
    assert sorted(s.callback.path for s in stored) == sorted(f"/calls/{n}" for n in range(100))


async def test_a_sender_that_goes_away_holds_up_nobody(world: World) -> None:
    gone = asyncio.create_task(world.store.callbacks.store(_callback(1)))
    stays = asyncio.create_task(world.store.callbacks.store(_callback(2)))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    paths = {s.callback.path for s in await world.store.callbacks.pending(10)}
    assert "/calls/2" in paths


async def test_callbacks_go_with_the_reports_that_they_brought(world: World) -> None:
    await world.batch(1)
    (call,) = await world.sending()
    for n in range(3):
        await world.store.callbacks.store(_callback(n))
    first, second, third = await world.store.callbacks.pending(10)
    await world.store.dispatch.apply_reports(lambda: [accepted(call)], [first.key, third.key])
    assert await world.call_state(call) is CallState.ACCEPTED
    assert list(await world.store.callbacks.pending(10)) == [second]


async def test_callbacks_that_say_nothing_go_too(world: World) -> None:
    await world.store.callbacks.store(_callback(1))
    (stored,) = await world.store.callbacks.pending(10)
    applied = await world.store.dispatch.apply_reports(list, [stored.key])
    assert (applied.changed, applied.ignored) == (0, 0)
    assert list(await world.store.callbacks.pending(10)) == []


async def test_what_has_arrived_is_stored_by_the_turn_that_removes_what_was_before(
    world: World,
) -> None:
    await world.batch(1)
    (call,) = await world.sending()
    await world.store.callbacks.store(_callback(1))
    (before,) = await world.store.callbacks.pending(10)
    arrived = [_callback(n) for n in range(2, 40)]
    applied = await world.store.dispatch.apply_reports(
        lambda: [accepted(call)], [before.key], lambda: arrived
    )
    assert await world.call_state(call) is CallState.ACCEPTED
    stored = await world.store.callbacks.pending(100)
    assert [one.callback for one in stored] == arrived
    assert [one.key for one in stored] == list(applied.stored_keys)
    await world.store.dispatch.apply_reports(list, applied.stored_keys[1:])
    assert [one.callback for one in await world.store.callbacks.pending(10)] == arrived[:1]


async def test_what_has_arrived_and_what_is_stored_alone_have_keys_of_their_own(
    world: World,
) -> None:
    first = await world.store.dispatch.apply_reports(list, (), lambda: [_callback(1)])
    await world.store.callbacks.store(_callback(2))
    third = await world.store.dispatch.apply_reports(list, (), lambda: [_callback(3)])
    stored = await world.store.callbacks.pending(10)
    assert [one.callback for one in stored] == [_callback(n) for n in (1, 2, 3)]
    assert (stored[0].key, stored[2].key) == (*first.stored_keys, *third.stored_keys)
