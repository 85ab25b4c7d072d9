"""What those see who watch all batches of an account, on both databases."""

import asyncio
from contextlib import aclosing
from datetime import timedelta

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.ids import BatchId
from outdial_server.ports.board import ENDED_MAX, FOLLOWED_MAX, Look, Selection
from outdial_server.watch.board_watcher import BoardRequest, BoardUpdate, BoardWatchers
from support.clock import ManualSignals
from support.stores import NO_ID, World, ended


async def look(world: World, *known: BatchId, since: timedelta | None = None) -> Look:
    moment = None if since is None else world.clock.now() - since
    return await world.store.board.look(Selection(world.account_id), known, moment)


async def end(world: World, batch_id: BatchId) -> None:
    await world.change(batch_id, rules.cancel)


async def test_a_look_shows_what_has_not_ended_and_what_ended_lately(world: World) -> None:
    draft, running = await world.batch(0, draft=True), await world.batch()
    over, long_over = await world.batch(0, draft=True), await world.batch(0, draft=True)
    deleted = await world.batch(0, draft=True)
    await end(world, long_over)
    world.clock.advance(timedelta(minutes=1))
    await end(world, over)
    await world.change(deleted, rules.delete)
    await world.direct()
    foreign = await world.batch(
        0,
        draft=True,
        account_id=(other := await world.new_account()),
        agent_id=await world.new_agent("Far", account_id=other),
    )

    seen = await look(world, long_over, deleted, foreign, since=timedelta(seconds=10))
    assert list(seen.followed) == [running, draft]
    assert list(seen.ended) == [over]
    assert list(seen.others) == [long_over]
    assert not seen.is_truncated
    for batch_id, standing in (seen.followed | seen.ended | seen.others).items():
        batch = await world.get(batch_id)
        assert (standing.sequence, standing.ended_at) == (batch.sequence, batch.ended_at)
    assert (await look(world)).ended == {}

    whole = await world.store.board.batches(
        world.account_id, [draft, deleted, foreign, BatchId("none"), BatchId(NO_ID), over]
    )
    assert whole == [await world.get(draft), await world.get(over)]


async def test_named_batches_and_those_of_one_agent(world: World) -> None:
    grace = await world.new_agent("Grace")
    hers, other = await world.batch(0, draft=True, agent_id=grace), await world.batch(0, draft=True)
    await end(world, other)
    of_agent = Selection(world.account_id, agent_id=grace)
    assert list((await world.store.board.look(of_agent, (), world.clock.now())).followed) == [hers]
    named = Selection(world.account_id, (other, BatchId(NO_ID), BatchId("none")))
    assert list((await world.store.board.look(named, (), None)).followed) == [other]


async def test_a_look_is_bounded(world: World) -> None:
    made = [await world.batch(0, draft=True) for _ in range(FOLLOWED_MAX + 1)]
    seen = await look(world, made[0])
    assert list(seen.followed) == made[:0:-1]
    assert (seen.is_truncated, list(seen.others)) == (True, made[:1])
    for batch_id in made[: ENDED_MAX + 1]:
        world.clock.advance(timedelta(milliseconds=1))
        await end(world, batch_id)
    seen = await look(world, since=timedelta(hours=1))
    assert list(seen.ended) == made[ENDED_MAX:0:-1]


async def test_what_another_server_did_is_found_by_the_sweep(world: World) -> None:
    """The watcher's signals are not the store's: nothing tells it."""
    signals = ManualSignals(world.clock)
    watchers = BoardWatchers(world.store.board, world.clock, signals, asyncio.Event())
    kept, left = await world.batch(), await world.batch(0, draft=True)
    stream = watchers.watch(BoardRequest(Selection(world.account_id)))

    async def next_news() -> BoardUpdate:
        """Moves the clock for as long as nothing is told."""
        reading = asyncio.ensure_future(anext(stream))
        while not reading.done():
            world.clock.advance(timedelta(seconds=1))
            await asyncio.sleep(0)
        update = await reading
        return await next_news() if update.is_heartbeat else update

    async with aclosing(stream):
        assert [batch.batch_id for batch in (await next_news()).batches] == [left, kept]
        assert (await next_news()).is_snapshot_complete
        (call,) = await world.live()
        await world.apply(ended(call))
        assert (await next_news()).batches == [await world.get(kept)]
        came = await world.batch(0, draft=True)
        assert (await next_news()).batches == [await world.get(came)]
        await world.change(left, rules.delete)
        assert (await next_news()).deleted_batch_ids == [left]
