"""Calls keep the texts that they were made with."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.call import CallTexts
from outdial_server.domain.ids import AgentId, CallId
from outdial_server.domain.limits import RENDERED_TEXT_MAX_CHARS
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.retention import Retention
from outdial_server.ports.dispatch import ClaimedCall
from support.stores import World, ended, new_row, not_sent

TEXTS = AgentFields(
    "Talking",
    prompt="You call {{customer.name}} as {{role}}.",
    first_message="Hello {{customer.name}}",
    join_url_template="https://media.example/{{call_id}}?n={{customer.name}}",
    default_context_json='{"role":"a friend"}',
)


async def _agent(world: World, fields: AgentFields = TEXTS) -> AgentId:
    agent_id = AgentId(world.ids.new_id())
    await world.store.agents.create_agent(world.account_id, agent_id, fields)
    return agent_id


async def _change(world: World, agent_id: AgentId, **changes: Any) -> None:
    await world.store.agents.change_agent(
        world.account_id, agent_id, lambda a: replace(a.fields, **changes)
    )


async def _stored(world: World, call: ClaimedCall) -> CallTexts | None:
    return (await world.store.calls.get_call(world.account_id, call.call_id)).texts


def _ada(n: int = 0, name: str = "Ada & Bob") -> Any:
    return new_row(n, template_context_json=f'{{"customer":{{"name":"{name}"}}}}')


def _expected(call_id: CallId) -> CallTexts:
    return CallTexts(
        "You call Ada & Bob as a friend.",
        "Hello Ada & Bob",
        f"https://media.example/{call_id}?n=Ada%20%26%20Bob",
    )


async def test_a_call_is_made_and_kept_with_the_texts_of_its_person(world: World) -> None:
    agent_id = await _agent(world)
    await world.batch([_ada(), _ada(1, "Cleo")], agent_id=agent_id)
    first, second = await world.sending()
    assert first.texts == _expected(first.call_id) == await _stored(world, first)
    assert second.texts is not None
    assert second.texts.first_message == "Hello Cleo"
    listed = await world.store.calls.list_calls(world.account_id, PageRequest())
    assert [call.texts for call in listed.items] == [None, None]


async def test_a_change_of_the_agent_is_for_calls_that_are_made_later(world: World) -> None:
    agent_id = await _agent(world)
    batch_id = await world.batch([_ada(), _ada(1)], agent_id=agent_id)
    (before,) = await world.sending(1)
    await _change(world, agent_id, first_message="Good day", join_url_template="")
    (after,) = await world.sending(1)
    assert await _stored(world, before) == _expected(before.call_id)
    assert await _stored(world, after) == CallTexts(
        "You call Ada & Bob as a friend.", "Good day", ""
    )
    await _change(world, agent_id, prompt="", first_message="")
    await world.add(batch_id, 1)
    (without,) = await world.sending()
    assert (without.texts, await _stored(world, without)) == (None, None)


async def test_a_call_that_was_not_sent_has_the_texts_of_its_next_claim(world: World) -> None:
    agent_id = await _agent(world)
    await world.batch([_ada()], agent_id=agent_id)
    (call,) = await world.sending()
    await world.apply(not_sent(call))
    await _change(world, agent_id, first_message="Good day")
    world.clock.advance(timedelta(minutes=1))
    (again,) = await world.sending()
    assert again.call_id == call.call_id
    texts = await _stored(world, call)
    assert texts is not None
    assert texts.first_message == "Good day"


async def test_an_agent_without_texts_writes_none(world: World) -> None:
    await world.batch([_ada()])
    (call,) = await world.sending()
    assert (call.texts, await _stored(world, call)) == (None, None)
    assert await world.sql("SELECT COUNT(*) FROM call_texts") == [(0,)]


async def test_what_the_agent_needs_now_and_a_row_lacks_is_left_out_and_bounded(
    world: World,
) -> None:
    agent_id = await _agent(world, replace(TEXTS, prompt="", join_url_template=""))
    await world.batch([_ada(name="x" * 2_000)], agent_id=agent_id)
    url = "https://media.example/" + "{{customer.name}}" * 5
    await _change(
        world,
        agent_id,
        prompt="{{customer.name}}" * 40,
        first_message="<{{new}}>",
        join_url_template=url,
    )
    (call,) = await world.sending()
    texts = await _stored(world, call)
    assert texts == CallTexts("x" * RENDERED_TEXT_MAX_CHARS, "<>", "")


async def test_texts_are_erased_with_payloads_and_with_their_calls(world: World) -> None:
    agent_id = await _agent(world)
    await world.batch([_ada()], agent_id=agent_id)
    (call,) = await world.live()
    await world.apply(ended(call))
    world.clock.advance(timedelta(days=2))
    keep = Retention(payloads=timedelta(days=1))
    await world.store.retention.erase(keep, 500)
    assert await _stored(world, call) is None
    await world.batch([_ada(7)], agent_id=agent_id)
    (call,) = await world.live()
    await world.apply(ended(call))
    world.clock.advance(timedelta(days=2))
    day = timedelta(days=1)
    everything = Retention(payloads=day, events=day, calls=day, batches=day)
    while (await world.store.retention.erase(everything, 500)).more:
        pass
    assert await world.sql("SELECT COUNT(*) FROM call_texts") == [(0,)]
    assert await world.sql("SELECT COUNT(*) FROM calls") == [(0,)]
