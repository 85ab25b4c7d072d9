"""A call that is deleted is seen by nobody, with what was said in it; what came of its person
stays."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from outdial_server.domain.call import CallFilter, Disposition
from outdial_server.domain.call_event import CallEvent, Over
from outdial_server.domain.conversation import Conversation, Speaker, Utterance
from outdial_server.domain.errors import NotFoundError, PreconditionError, Reason
from outdial_server.domain.ids import CallId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.report import ReportKind
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.stores import NO_ID, World, accepted, ended, new_row, report, unclear

SAID = Conversation(summary="She will come.", utterances=(Utterance(Speaker.AGENT, "Hello."),))


async def over(world: World, count: int = 1) -> list[ClaimedCall]:
    return await end(world, *await world.live(count))


async def end(world: World, *calls: ClaimedCall) -> list[ClaimedCall]:
    """Each with what was said in it."""
    for call in calls:
        event = CallEvent(Over(Disposition.ANSWERED_HUMAN, "hung up"), SAID)
        await world.store.dispatch.apply_call_event(world.account_id, call.call_id, event)
    return list(calls)


async def delete(world: World, call: ClaimedCall) -> None:
    await world.store.calls.delete_call(world.account_id, call.call_id)
    await check_invariants(world.store)


async def listed(world: World, wanted: CallFilter, skip: int = 0) -> tuple[list[CallId], int]:
    page = PageRequest(skip=skip, is_counted=True)
    found = await world.store.calls.list_calls(world.account_id, page, wanted)
    return [call.call_id for call in found.items], found.total or 0


async def test_a_deleted_call_is_found_nowhere(world: World) -> None:
    batch_id = await world.batch(3)
    first, second, third = await over(world, 3)
    await delete(world, second)
    with pytest.raises(NotFoundError) as missing:
        await world.store.calls.get_call(world.account_id, second.call_id)
    assert missing.value.reason is Reason.CALL_NOT_FOUND
    for wanted in (CallFilter(), CallFilter(batch_id)):
        assert await listed(world, wanted) == ([third.call_id, first.call_id], 2)
        assert await listed(world, wanted, skip=1) == ([first.call_id], 2)
    row = await world.row(batch_id, 1)
    assert await listed(world, CallFilter(scheduled_call_id=row.scheduled_call_id)) == ([], 0)
    exported = await world.store.calls.export_scheduled_calls(
        world.account_id, batch_id, 0, 10, with_conversations=True
    )
    shown = [None if each.call is None else each.call.call_id for each in exported.results]
    assert shown == [first.call_id, None, third.call_id]


async def test_what_came_of_its_person_stays_and_what_was_said_goes(world: World) -> None:
    batch_id = await world.batch([new_row(1, metadata={"crm": "1"})])
    (call,) = await over(world)
    before = (await world.get(batch_id), await world.row(batch_id), await world.events(batch_id))
    await delete(world, call)
    after = (await world.get(batch_id), await world.row(batch_id), await world.events(batch_id))
    assert after == before
    for table in ("call_texts", "conversations"):
        assert await world.sql(f"SELECT COUNT(*) FROM {table}") == [(0,)]
    assert await world.sql("SELECT carrier_call_id, reason FROM calls") == [(None, None)]


async def test_with_a_direct_call_its_person_goes(world: World) -> None:
    row = new_row(1, metadata={"crm": "1"}, template_context_json='{"name":"Ada"}', custom_id="x")
    claimed = (await world.direct(row)).claimed
    assert claimed is not None
    await world.send([claimed])
    (call,) = await end(world, claimed)
    await delete(world, call)
    assert await listed(world, CallFilter(only_direct=True)) == ([], 0)
    kept = "address, custom_id, context_json, metadata_json"
    assert await world.sql(f"SELECT {kept} FROM scheduled_calls") == [("", None, None, None)]


Step = Callable[[World], Awaitable[object]]


async def _wait(world: World) -> object:
    return await world.direct()


async def _send(world: World) -> object:
    await world.batch(1)
    return await world.sending()


async def _be_live(world: World) -> object:
    await world.batch(1)
    return await world.live()


async def _be_lost(world: World) -> object:
    await world.batch(1)
    return await world.apply(*(unclear(call) for call in await world.sending()))


@pytest.mark.parametrize("step", [_wait, _send, _be_live, _be_lost])
async def test_a_call_that_has_not_ended_is_not_deleted(world: World, step: Step) -> None:
    await step(world)
    ((call_id,), _) = await listed(world, CallFilter())
    with pytest.raises(PreconditionError) as refused:
        await world.store.calls.delete_call(world.account_id, call_id)
    assert refused.value.reason is Reason.CALL_NOT_ENDED
    assert await listed(world, CallFilter()) == ([call_id], 1)


async def test_a_direct_call_that_was_called_off_is_deleted(world: World) -> None:
    call = (await world.direct()).call
    await world.store.calls.cancel_direct_call(world.account_id, call.call_id)
    await world.store.calls.delete_call(world.account_id, call.call_id)
    assert await listed(world, CallFilter()) == ([], 0)


async def test_of_those_who_delete_at_once_one_finds_it(world: World) -> None:
    await world.batch(1)
    (call,) = await over(world)
    done = await asyncio.gather(*(delete(world, call) for _ in range(4)), return_exceptions=True)
    assert [each for each in done if each is None] == [None]
    assert sum(isinstance(each, NotFoundError) for each in done) == 3


async def test_a_call_of_nobody_or_of_another_account_is_not_deleted(world: World) -> None:
    await world.batch(1)
    (call,) = await over(world)
    for account_id, call_id in (
        (world.account_id, CallId(NO_ID)),
        (await world.new_account(), call.call_id),
    ):
        with pytest.raises(NotFoundError):
            await world.store.calls.delete_call(account_id, call_id)
    assert await listed(world, CallFilter()) == ([call.call_id], 1)


async def test_word_that_comes_later_changes_nothing(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await over(world)
    await delete(world, call)
    before = (await world.get(batch_id), await world.sql("SELECT * FROM calls"))
    late = (accepted(call, "CA1"), ended(call, Disposition.BUSY), report(call, ReportKind.RINGING))
    applied = await world.apply(*late)
    assert (applied.changed, applied.ignored) == (0, 3)
    with pytest.raises(NotFoundError):
        await world.store.dispatch.apply_call_event(
            world.account_id, call.call_id, CallEvent(Over(), SAID)
        )
    assert (await world.get(batch_id), await world.sql("SELECT * FROM calls")) == before
    assert await world.sql("SELECT COUNT(*) FROM conversations") == [(0,)]


async def test_what_is_said_while_it_is_deleted_goes_with_it(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    await world.apply(ended(call))
    said = CallEvent(None, SAID)
    done = await asyncio.gather(
        *(
            world.store.dispatch.apply_call_event(world.account_id, call.call_id, said)
            for _ in range(3)
        ),
        delete(world, call),
        *(
            world.store.dispatch.apply_call_event(world.account_id, call.call_id, said)
            for _ in range(3)
        ),
        return_exceptions=True,
    )
    assert done[3] is None
    faults = [each for each in done if isinstance(each, BaseException)]
    assert all(isinstance(each, NotFoundError | PreconditionError) for each in faults), faults
    assert await world.sql("SELECT COUNT(*) FROM conversations") == [(0,)]


async def test_a_person_whose_try_is_deleted_is_called_again_as_before(world: World) -> None:
    busy = RetryRule(Disposition.BUSY, FixedDelays((timedelta(minutes=5),)))
    batch_id = await world.batch(1, retry_policy=RetryPolicy((busy,)))
    (call,) = await world.live()
    await world.apply(ended(call, Disposition.BUSY))
    await delete(world, call)
    world.advance(minutes=5)
    (again,) = await world.live()
    await world.apply(ended(again, Disposition.BUSY))
    row = await world.row(batch_id)
    assert (row.state, row.attempt_count) == (ScheduledCallState.FAILED, 2), "the rule is used up"
    assert await listed(world, CallFilter()) == ([again.call_id], 1)


async def test_others_are_told_of_it_without_what_was_said(world: World) -> None:
    batch_id = await world.batch([new_row(1, metadata={"crm": "1"})])
    (call,) = await over(world)
    await delete(world, call)
    told = (await world.store.calls.told_calls([call.call_id]))[call.call_id]
    assert (told.call.batch_id, told.call.disposition) == (batch_id, Disposition.ANSWERED_HUMAN)
    assert told.call.conversation is None
    assert told.call.texts is not None
    assert (told.call.texts.prompt, told.call.carrier_call_id) == ("", "")
