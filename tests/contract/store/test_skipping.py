"""Lists that are skipped into and counted."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from outdial_server.domain.call import CallFilter, CallState, Disposition
from outdial_server.domain.errors import NotFoundError
from outdial_server.domain.ids import BatchId, CallId, PhoneNumberId, ThrottleId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.phone_number import PhoneNumberFields
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.throttle import ThrottleFields
from outdial_server.ports.contacts import ContactFilter
from outdial_server.storage.verbs import call_reading, reading
from support.contacts import contact, folder, person
from support.delivering import hook
from support.stores import NO_ID, World, accepted, all_pages, ended, ids_of, refused

Read = Callable[[PageRequest], Awaitable[Any]]

ITEMS: Final = 5


async def agents(world: World) -> Read:
    for n in range(1, ITEMS):
        await world.new_agent(f"agent {n}")
    return lambda page: world.store.agents.list_agents(world.account_id, page)


async def batches(world: World) -> Read:
    for _ in range(ITEMS):
        await world.batch(1)
    return lambda page: world.store.batches.list_batches(world.account_id, page)


async def scheduled_calls(world: World) -> Read:
    batch_id = await world.batch(ITEMS)
    return lambda page: world.store.calls.list_scheduled_calls(world.account_id, batch_id, page)


async def calls(world: World) -> Read:
    await world.batch(ITEMS)
    await world.live()
    return lambda page: world.store.calls.list_calls(world.account_id, page)


async def throttles(world: World) -> Read:
    for n in range(ITEMS):
        fields = ThrottleFields(f"throttle {n}", ())
        throttle_id = ThrottleId(world.ids.new_id())
        await world.store.throttles.create_throttle(world.account_id, throttle_id, fields)
    return lambda page: world.store.throttles.list_throttles(world.account_id, page)


async def webhooks(world: World) -> Read:
    for _ in range(ITEMS):
        await hook(world)
    return lambda page: world.store.webhooks.list_webhooks(world.account_id, page)


async def phone_numbers(world: World) -> Read:
    for n in range(ITEMS):
        number_id = PhoneNumberId(world.ids.new_id())
        await world.store.phone_numbers.create_phone_number(
            world.account_id, number_id, f"+1555000{n:04d}", PhoneNumberFields()
        )
    return lambda page: world.store.phone_numbers.list_phone_numbers(world.account_id, page)


async def contacts(world: World) -> Read:
    patients = await folder(world)
    for n in range(ITEMS):
        await contact(world, patients, person(n))
    wanted = ContactFilter(patients.contact_folder_id)
    return lambda page: world.store.contacts.list_contacts(world.account_id, page, wanted)


async def contacts_that_are_searched(world: World) -> Read:
    patients = await folder(world)
    for n in range(2 * ITEMS):
        await contact(world, patients, person(n, first_name=("Ada", "Ben")[n % 2]))
    wanted = ContactFilter(None, ("ada",))
    return lambda page: world.store.contacts.list_contacts(world.account_id, page, wanted)


LISTS: Final = (
    agents,
    batches,
    scheduled_calls,
    calls,
    throttles,
    webhooks,
    phone_numbers,
    contacts,
    contacts_that_are_searched,
)


@pytest.mark.parametrize("fill", LISTS)
async def test_a_list_is_skipped_into_and_counted(
    world: World, fill: Callable[[World], Awaitable[Read]]
) -> None:
    stranger = replace(world, account_id=await world.new_account())
    await fill(replace(stranger, agent_id=await stranger.new_agent("theirs")))
    read = await fill(world)
    whole, _ = await all_pages(read, ITEMS)
    assert len(whole) == ITEMS
    for skip in range(ITEMS + 2):
        page = await read(PageRequest(2, skip=skip, is_counted=True))
        assert page.items == whole[skip : skip + 2]
        assert page.total == ITEMS
        assert bool(page.next_token) == (skip + 2 < ITEMS)
    first = await read(PageRequest(1))
    assert first.total is None
    behind = await read(PageRequest(2, first.next_token, skip=1))
    assert behind.items == whole[2:4]
    none = await read(PageRequest(2, first.next_token, skip=2**31 - 1))
    assert (none.items, none.next_token) == ([], "")


async def in_each_outcome(world: World) -> BatchId:
    batch_id = await world.batch(6)
    sent = await world.sending(5)
    await world.apply(*(accepted(call) for call in sent[:3]), refused(sent[3]))
    await world.apply(ended(sent[0]))
    return batch_id


@pytest.mark.parametrize("outcomes", [(), *[(outcome,) for outcome in DispatchOutcome]])
@pytest.mark.parametrize("states", [(), *[(state,) for state in ScheduledCallState]])
async def test_rows_are_found_by_state_and_by_what_the_carrier_said(
    world: World,
    states: tuple[ScheduledCallState, ...],
    outcomes: tuple[DispatchOutcome, ...],
) -> None:
    batch_id = await in_each_outcome(world)

    def read(page: PageRequest) -> Awaitable[Any]:
        return world.store.calls.list_scheduled_calls(
            world.account_id, batch_id, page, states, outcomes=outcomes
        )

    expected = [
        row
        for row in await world.rows(batch_id)
        if row.state in (states or ScheduledCallState)
        and row.dispatch_outcome in (outcomes or DispatchOutcome)
    ]
    assert (await all_pages(read))[0] == expected
    page = await read(PageRequest(1, skip=1, is_counted=True))
    assert (page.items, page.total) == (expected[1:2], len(expected))


async def test_calls_are_found_by_agent_and_by_the_moment_of_their_making(world: World) -> None:
    first_agent, second_agent = world.agent_id, await world.new_agent("Bob")
    await world.batch(2)
    first = await world.live()
    world.advance(seconds=1)
    at = world.clock.now()
    batch_id = await world.batch(2, agent_id=second_agent)
    second = await world.live()

    async def found(**wanted: Any) -> set[CallId]:
        page = await world.store.calls.list_calls(
            world.account_id, PageRequest(is_counted=True), CallFilter(**wanted)
        )
        assert page.total == len(page.items)
        return {call.call_id for call in page.items}

    earlier, later = set(ids_of(first)), set(ids_of(second))
    assert await found(agent_ids=[first_agent]) == earlier
    assert await found(agent_ids=[first_agent, second_agent]) == earlier | later
    assert await found(created_from=at) == later
    assert await found(created_before=at) == earlier
    assert await found(created_from=at, created_before=at) == set()
    assert await found(batch_id=batch_id, agent_ids=[first_agent]) == set()
    assert await found(batch_id=batch_id, agent_ids=[second_agent]) == later
    with pytest.raises(NotFoundError):
        await found(agent_ids=[NO_ID])


async def test_a_skip_leads_into_what_a_page_looks_through(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of what no index finds are short; skipped is what fits, not what is looked at."""
    monkeypatch.setattr(reading, "ROWS_PER_LOOK", 2)
    monkeypatch.setattr(call_reading, "ROWS_PER_LOOK", 2)
    batch_id = await world.batch(12)
    sent = await world.live(12)
    await world.apply(*(ended(call, Disposition.ANSWERED_HUMAN) for call in sent[::3]))
    store, account_id = world.store.calls, world.account_id

    def rows(page: PageRequest) -> Awaitable[Any]:
        return store.list_scheduled_calls(
            account_id, batch_id, page, [ScheduledCallState.COMPLETED]
        )

    def over(page: PageRequest) -> Awaitable[Any]:
        return store.list_calls(account_id, page, CallFilter(batch_id, states=[CallState.ENDED]))

    for read in (rows, over):
        whole, _ = await all_pages(read, 100)
        assert len(whole) == 4
        for skip in range(5):
            found, request = list[Any](), PageRequest(100, skip=skip, is_counted=True)
            while True:
                page = await read(request)
                found += page.items
                assert page.total == 4
                if not page.next_token:
                    break
                request = PageRequest(100, page.next_token, is_counted=True)
            assert found == whole[skip:]
