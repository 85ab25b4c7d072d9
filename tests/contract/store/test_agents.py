"""Agents."""

import asyncio
from dataclasses import replace

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.agent import Agent, AgentFields
from outdial_server.domain.errors import (
    AlreadyExistsError,
    NotFoundError,
    OutdialError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import AgentId
from outdial_server.domain.request import RequestKey
from support.stores import NO_ID, World, all_pages, ended


async def _make(
    world: World, name: str = "Bob", request: RequestKey | None = None, **values: object
) -> Agent:
    fields = AgentFields(name, values.get("cap"), values.get("metadata", {}))  # type: ignore[arg-type]
    agent_id = AgentId(world.ids.new_id())
    return await world.store.agents.create_agent(world.account_id, agent_id, fields, request)


async def test_an_agent_is_read_as_it_was_made(world: World) -> None:
    made = await _make(world, "Zoë", cap=4, metadata={"team": "Süd", "n": ""})
    assert (made.fields.display_name, made.fields.max_concurrent_calls) == ("Zoë", 4)
    assert (made.fields.metadata, made.revision) == ({"team": "Süd", "n": ""}, 1)
    assert await world.store.agents.get_agent(world.account_id, made.agent_id) == made


async def test_texts_are_read_as_they_were_written(world: World) -> None:
    texts = AgentFields(
        "Zoë",
        active=False,
        prompt="You call {{name}}.",
        first_message="Grüß Gott",
        join_url_template="https://media.example/{{call_id}}",
        default_context_json='{"name":"you"}',
        context_schema_json='{"type":"object"}',
        annotations_json='{"kept":[1]}',
    )
    agent_id = AgentId(world.ids.new_id())
    made = await world.store.agents.create_agent(world.account_id, agent_id, texts)
    assert made.fields == texts
    changed = await world.store.agents.change_agent(
        world.account_id, agent_id, lambda a: replace(a.fields, prompt="", active=True)
    )
    assert changed.fields == replace(texts, prompt="", active=True)
    assert await world.store.agents.get_agent(world.account_id, agent_id) == changed


async def test_another_accounts_agent_is_not_found(world: World) -> None:
    stranger = await world.new_account()
    for account_id, agent_id in [
        (stranger, world.agent_id),
        (world.account_id, NO_ID),
        (world.account_id, "no uuid"),
    ]:
        for attempt in (
            world.store.agents.get_agent(account_id, AgentId(agent_id)),
            world.store.agents.delete_agent(account_id, AgentId(agent_id)),
            world.store.agents.change_agent(
                account_id, AgentId(agent_id), lambda a: AgentFields("x", None, {})
            ),
        ):
            with pytest.raises(NotFoundError) as refusal:
                await attempt
            assert refusal.value.reason is Reason.AGENT_NOT_FOUND


async def test_a_name_is_taken_once_in_an_account(world: World) -> None:
    with pytest.raises(AlreadyExistsError) as refusal:
        await _make(world, "Ada")
    assert refusal.value.reason is Reason.AGENT_NAME_TAKEN
    stranger = await world.new_account()
    await world.new_agent("Ada", account_id=stranger)


async def test_a_name_is_free_again_after_its_agent_is_deleted(world: World) -> None:
    await world.store.agents.delete_agent(world.account_id, world.agent_id)
    assert (await _make(world, "Ada")).agent_id != world.agent_id


async def test_agents_are_listed_oldest_first_and_by_name(world: World) -> None:
    made = [await _make(world, f"Bob {n}") for n in range(4)]
    listed, pages = await all_pages(lambda p: world.store.agents.list_agents(world.account_id, p))
    assert [a.agent_id for a in listed] == [world.agent_id, *[a.agent_id for a in made]]
    assert pages == 3
    named, _ = await all_pages(
        lambda p: world.store.agents.list_agents(world.account_id, p, display_name="Bob 2")
    )
    assert named == [made[2]]
    none, _ = await all_pages(
        lambda p: world.store.agents.list_agents(world.account_id, p, display_name="Bob")
    )
    assert none == []


async def test_a_deleted_agent_is_gone(world: World) -> None:
    await world.store.agents.delete_agent(world.account_id, world.agent_id)
    with pytest.raises(NotFoundError):
        await world.store.agents.get_agent(world.account_id, world.agent_id)
    listed, _ = await all_pages(lambda p: world.store.agents.list_agents(world.account_id, p))
    assert listed == []
    with pytest.raises(NotFoundError) as refusal:
        await world.batch(1)
    assert refusal.value.reason is Reason.AGENT_NOT_FOUND


async def test_a_change_is_written_with_its_revision_and_slots(world: World) -> None:
    world.advance(seconds=2)
    changed = await world.store.agents.change_agent(
        world.account_id, world.agent_id, lambda a: AgentFields("Ada II", 2, {"k": "v"})
    )
    assert changed == await world.store.agents.get_agent(world.account_id, world.agent_id)
    assert (changed.fields.display_name, changed.fields.max_concurrent_calls) == ("Ada II", 2)
    assert (changed.revision, changed.updated_at) == (2, world.clock.now())
    assert await world.sql("SELECT target_cap FROM slots WHERE kind = 3") == [(2,)]
    same = await world.store.agents.change_agent(
        world.account_id, world.agent_id, lambda a: AgentFields("Ada II", 2, {"k": "v"})
    )
    assert same.revision == 2


async def test_an_agent_cannot_take_anothers_name(world: World) -> None:
    bob = await _make(world, "Bob")
    with pytest.raises(AlreadyExistsError) as refusal:
        await world.store.agents.change_agent(
            world.account_id, bob.agent_id, lambda a: AgentFields("Ada", None, {})
        )
    assert refusal.value.reason is Reason.AGENT_NAME_TAKEN


async def test_two_that_want_one_name_at_once_do_not_both_get_it(world: World) -> None:
    agents = [await _make(world, f"Bob {n}") for n in range(4)]
    results = await asyncio.gather(
        *(
            world.store.agents.change_agent(
                world.account_id, a.agent_id, lambda a: AgentFields("Cleo", None, {})
            )
            for a in agents
        ),
        return_exceptions=True,
    )
    refused = [r for r in results if isinstance(r, BaseException)]
    assert len(refused) == 3
    assert all(isinstance(r, AlreadyExistsError) for r in refused)


async def test_an_agent_with_an_open_batch_cannot_be_deleted(world: World) -> None:
    batch_id = await world.batch(1)
    with pytest.raises(PreconditionError) as refusal:
        await world.store.agents.delete_agent(world.account_id, world.agent_id)
    assert refusal.value.reason is Reason.AGENT_IN_USE
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    await world.store.agents.delete_agent(world.account_id, world.agent_id)


async def test_the_same_request_makes_one_agent(world: World) -> None:
    request = world.request("r-1", b"bob", "CreateAgent")
    first = await _make(world, request=request)
    assert await _make(world, request=request) == first
    with pytest.raises(AlreadyExistsError) as refusal:
        await _make(world, "Cleo", world.request("r-1", b"cleo", "CreateAgent"))
    assert refusal.value.reason is Reason.REQUEST_ID_REUSED


async def test_the_same_request_at_once_makes_one_agent(world: World) -> None:
    request = world.request("r-1", b"bob", "CreateAgent")
    made = await asyncio.gather(*(_make(world, request=request) for _ in range(6)))
    assert len({agent.agent_id for agent in made}) == 1


async def test_a_request_that_was_refused_may_be_sent_again(world: World) -> None:
    request = world.request("r-1", b"ada", "CreateAgent")
    with pytest.raises(OutdialError):
        await _make(world, "Ada", request)
    await world.store.agents.delete_agent(world.account_id, world.agent_id)
    assert (await _make(world, "Ada", request)).fields.display_name == "Ada"


async def test_an_agent_shows_its_calls_at_work(world: World) -> None:
    await world.batch(3)
    calls = await world.live(2)
    assert await world.used() == (2, 2)
    await world.apply(ended(calls[0]))
    assert await world.used() == (1, 1)
