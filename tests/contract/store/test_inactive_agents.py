"""An inactive agent: no batch of it is made or started, and those that run are held."""

from collections.abc import Awaitable
from dataclasses import replace

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.scheduled_call import ScheduledCallState
from support.stores import World, bring_in, new_rows


async def _set_active(world: World, active: bool) -> None:
    await world.store.agents.change_agent(
        world.account_id, world.agent_id, lambda a: replace(a.fields, active=active)
    )


async def _assert_refused(attempt: Awaitable[object]) -> None:
    with pytest.raises(PreconditionError) as refusal:
        await attempt
    assert refusal.value.reason is Reason.AGENT_INACTIVE


async def test_no_batch_is_made_or_started(world: World) -> None:
    draft = await world.batch(2, draft=True)
    await _set_active(world, active=False)
    await _assert_refused(world.batch(1))
    await _assert_refused(world.batch(1, draft=True))
    await _assert_refused(world.change(draft, rules.start))
    assert (await world.get(draft)).state is BatchState.DRAFT
    await _set_active(world, active=True)
    await world.change(draft, rules.start)
    assert len(await world.claim()) == 2


async def test_a_batch_is_not_revealed_when_the_agent_becomes_inactive_meanwhile(
    world: World,
) -> None:
    new = world.new_batch()

    async def attempt() -> None:
        async with world.store.intake.new_batch(new, None) as staging:
            await _set_active(world, active=False)
            await bring_in(staging, new_rows(2), None)

    await _assert_refused(attempt())
    page = await world.store.batches.list_batches(world.account_id, PageRequest(10))
    assert not page.items


async def test_a_running_batch_is_held_and_goes_on_by_itself(world: World) -> None:
    batch_id = await world.batch(3)
    await world.sending(1)
    await _set_active(world, active=False)
    assert await world.claim() == []
    held = await world.get(batch_id)
    assert (held.state, held.counts.dialing, held.counts.waiting) == (BatchState.RUNNING, 1, 2)
    await world.add(batch_id, 1)
    await _set_active(world, active=True)
    assert len(await world.sending()) == 3


async def test_a_claim_is_not_sent_when_the_agent_becomes_inactive_meanwhile(world: World) -> None:
    batch_id = await world.batch(1)
    claimed = await world.claim()
    await _set_active(world, active=False)
    sent = await world.send(claimed)
    assert (sent.calls, sent.given_back) == ((), 1)
    assert (await world.row(batch_id)).state is ScheduledCallState.WAITING
    await _set_active(world, active=True)
    assert [call.call_id for call in await world.sending()] == [claimed[0].call_id]
