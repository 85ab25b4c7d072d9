"""Phone numbers as resources, and which agent calls from which."""

import asyncio

import pytest

from outdial_server.domain.errors import (
    AlreadyExistsError,
    NotFoundError,
    OutdialError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import AgentId, PhoneNumberId
from outdial_server.domain.limits import NUMBERS_PER_POOL_MAX
from outdial_server.domain.phone_number import Capability, PhoneNumber, PhoneNumberFields
from support.numbers import BACK, FRONT, SIDE, new_number
from support.stores import NO_ID, World, all_pages


async def bind(
    world: World, number: PhoneNumber, agent_id: AgentId | None = None, place: int | None = None
) -> PhoneNumber:
    return await world.store.phone_numbers.bind_phone_number(
        world.account_id, number.phone_number_id, agent_id or world.agent_id, place
    )


async def outbound(world: World, agent_id: AgentId | None = None) -> list[str]:
    agent = await world.store.agents.get_agent(world.account_id, agent_id or world.agent_id)
    return [number.address for number in agent.outbound_numbers]


async def refusal(world: World, number_id: PhoneNumberId) -> OutdialError:
    with pytest.raises(NotFoundError) as caught:
        await world.store.phone_numbers.get_phone_number(world.account_id, number_id)
    return caught.value


# --- as resources


async def test_a_number_is_read_as_it_was_made(world: World) -> None:
    made = await new_number(
        world,
        display_name="Empfang",
        active=False,
        capabilities=Capability.OUTBOUND_VOICE | Capability.SMS,
        max_concurrent_calls=3,
        metadata={"floor": "2"},
    )
    assert made.address == FRONT
    assert made.fields == PhoneNumberFields(
        "Empfang",
        active=False,
        capabilities=Capability.OUTBOUND_VOICE | Capability.SMS,
        max_concurrent_calls=3,
        metadata={"floor": "2"},
    )
    assert (made.agent_id, made.active_calls, made.revision) == (None, 0, 1)
    store = world.store.phone_numbers
    assert await store.get_phone_number(world.account_id, made.phone_number_id) == made


async def test_numbers_are_listed_oldest_first_and_by_filters(world: World) -> None:
    made = [await new_number(world, address) for address in (FRONT, BACK, SIDE)]
    bound = await bind(world, made[1])
    store = world.store.phone_numbers

    async def listed(**filters: str) -> list[PhoneNumber]:
        return (
            await all_pages(lambda p: store.list_phone_numbers(world.account_id, p, **filters))
        )[0]

    assert await listed() == [made[0], bound, made[2]]
    assert await listed(address=SIDE) == [made[2]]
    assert await listed(agent_id=world.agent_id) == [bound]
    assert await listed(agent_id=NO_ID) == await listed(agent_id="none") == []


async def test_an_account_has_a_number_once(world: World) -> None:
    made = await new_number(world)
    with pytest.raises(AlreadyExistsError) as caught:
        await new_number(world)
    assert caught.value.reason is Reason.PHONE_NUMBER_TAKEN
    assert caught.value.metadata == {"address": FRONT}
    await world.store.phone_numbers.delete_phone_number(world.account_id, made.phone_number_id)
    assert (await new_number(world)).phone_number_id != made.phone_number_id


async def test_two_accounts_may_have_one_number(world: World) -> None:
    made = await new_number(world)
    other = await world.new_account()
    theirs = await world.store.phone_numbers.create_phone_number(
        other, PhoneNumberId(world.ids.new_id()), FRONT, PhoneNumberFields()
    )
    assert (await refusal(world, theirs.phone_number_id)).reason is Reason.PHONE_NUMBER_NOT_FOUND
    assert made.account_id != theirs.account_id


async def test_a_repeated_request_makes_one_number(world: World) -> None:
    request = world.request("again", surface="CreatePhoneNumber")
    store = world.store.phone_numbers
    made = [
        await store.create_phone_number(
            world.account_id,
            PhoneNumberId(world.ids.new_id()),
            FRONT,
            PhoneNumberFields(),
            request,
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert await world.sql("SELECT phone_numbers FROM accounts") == [(1,)]


async def test_a_changed_number_has_another_revision(world: World) -> None:
    made = await new_number(world)
    store = world.store.phone_numbers
    wanted = PhoneNumberFields(
        "desk", active=False, capabilities=Capability.SMS, max_concurrent_calls=2
    )
    changed = await store.change_phone_number(
        world.account_id, made.phone_number_id, lambda number: wanted
    )
    assert (changed.fields, changed.revision) == (wanted, 2)
    same = await store.change_phone_number(
        world.account_id, made.phone_number_id, lambda number: number.fields
    )
    assert same == changed
    caps = await world.sql("SELECT target_cap FROM slots WHERE kind = 6")
    assert caps == [(2,)]


async def test_a_deleted_number_is_gone_and_bound_to_nobody(world: World) -> None:
    made = await new_number(world)
    await bind(world, made)
    store = world.store.phone_numbers
    await store.delete_phone_number(world.account_id, made.phone_number_id)
    assert (await refusal(world, made.phone_number_id)).reason is Reason.PHONE_NUMBER_NOT_FOUND
    with pytest.raises(NotFoundError):
        await store.delete_phone_number(world.account_id, made.phone_number_id)
    assert await outbound(world) == []
    assert await world.sql("SELECT outbound_numbers FROM agents") == [(0,)]


async def test_what_is_no_number_is_not_found(world: World) -> None:
    store = world.store.phone_numbers
    for name in (NO_ID, "nonsense"):
        number_id = PhoneNumberId(name)
        assert (await refusal(world, number_id)).metadata == {"id": name}
        for verb in (
            store.delete_phone_number(world.account_id, number_id),
            store.unbind_phone_number(world.account_id, number_id),
            store.bind_phone_number(world.account_id, number_id, world.agent_id),
            store.change_phone_number(world.account_id, number_id, lambda number: number.fields),
        ):
            with pytest.raises(NotFoundError):
                await verb


# --- bound to agents


async def test_an_agent_has_its_numbers_in_their_order(world: World) -> None:
    front, back, side = [await new_number(world, address) for address in (FRONT, BACK, SIDE)]
    for number in (front, back, side):
        assert (await bind(world, number)).agent_id == world.agent_id
    assert await outbound(world) == [FRONT, BACK, SIDE]
    await bind(world, side, place=0)
    assert await outbound(world) == [SIDE, FRONT, BACK]
    await bind(world, side)
    assert await outbound(world) == [SIDE, FRONT, BACK], "it keeps its place"
    await bind(world, side, place=99)
    assert await outbound(world) == [FRONT, BACK, SIDE]
    await world.store.phone_numbers.unbind_phone_number(world.account_id, back.phone_number_id)
    assert await outbound(world) == [FRONT, SIDE]
    await bind(world, back, place=1)
    assert await outbound(world) == [FRONT, BACK, SIDE]
    assert await world.sql("SELECT outbound_numbers FROM agents") == [(3,)]


async def test_binding_changes_no_etag(world: World) -> None:
    made = await new_number(world)
    before = await world.store.agents.get_agent(world.account_id, world.agent_id)
    assert (await bind(world, made)).revision == made.revision
    after = await world.store.agents.get_agent(world.account_id, world.agent_id)
    assert after.revision == before.revision


async def test_a_number_serves_one_agent(world: World) -> None:
    made = await new_number(world)
    other = await world.new_agent("Bob")
    await bind(world, made)
    with pytest.raises(PreconditionError) as caught:
        await bind(world, made, other)
    assert caught.value.reason is Reason.PHONE_NUMBER_BOUND
    assert caught.value.metadata == {"agent_id": world.agent_id}
    assert "bound to the agent 'Ada'" in caught.value.message
    store = world.store.phone_numbers
    unbound = await store.unbind_phone_number(world.account_id, made.phone_number_id)
    assert unbound.agent_id is None
    assert await store.unbind_phone_number(world.account_id, made.phone_number_id) == unbound
    assert (await bind(world, made, other)).agent_id == other
    assert await outbound(world, other) == [FRONT]


async def test_an_agent_that_goes_leaves_its_numbers_free(world: World) -> None:
    made = await new_number(world)
    other = await world.new_agent("Bob")
    await bind(world, made, other)
    await world.store.agents.delete_agent(world.account_id, other)
    with pytest.raises(NotFoundError) as caught:
        await bind(world, made, other)
    assert caught.value.reason is Reason.AGENT_NOT_FOUND
    assert (await bind(world, made)).agent_id == world.agent_id


async def test_an_agent_has_no_more_numbers_than_a_claim_may_look_at(world: World) -> None:
    made = [await new_number(world, f"+1555{n:07d}") for n in range(NUMBERS_PER_POOL_MAX + 1)]
    for number in made[:-1]:
        await bind(world, number)
    with pytest.raises(PreconditionError) as caught:
        await bind(world, made[-1])
    assert caught.value.reason is Reason.TOO_MANY_NUMBERS
    await bind(world, made[0], place=5)
    assert len(await outbound(world)) == NUMBERS_PER_POOL_MAX


async def test_numbers_that_are_bound_at_once_have_places_of_their_own(world: World) -> None:
    made = [await new_number(world, f"+1555{n:07d}") for n in range(8)]
    await asyncio.gather(*(bind(world, number) for number in made))
    assert sorted(await outbound(world)) == [number.address for number in made]
    places = await world.sql("SELECT place FROM phone_numbers ORDER BY place")
    assert places == [(n,) for n in range(8)]
