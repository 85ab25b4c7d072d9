"""The rows of a batch with what came of them, page by page."""

from collections.abc import Collection

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.call_event import CallEvent
from outdial_server.domain.conversation import Conversation, Speaker, Utterance
from outdial_server.domain.errors import NotFoundError, Reason
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.domain.report import ReportKind
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.ports.batches import ResultPage, ScheduledCallResult
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.exporting import page_sql
from outdial_server.storage.verbs.paging import ROWS_PER_LOOK
from support.stores import (
    HOLD,
    NO_ID,
    RETRY,
    World,
    accepted,
    answered,
    ended,
    not_sent,
    refused,
    report,
    unclear,
)

WAITING, FAILED = ScheduledCallState.WAITING, ScheduledCallState.FAILED


async def page(
    world: World,
    batch_id: BatchId,
    from_position: int = 0,
    limit: int = 1000,
    states: Collection[ScheduledCallState] = (),
    account_id: AccountId | None = None,
) -> ResultPage:
    return await world.store.calls.export_scheduled_calls(
        account_id or world.account_id, batch_id, from_position, limit, states
    )


async def exported(
    world: World, batch_id: BatchId, limit: int, states: Collection[ScheduledCallState] = ()
) -> list[ScheduledCallResult]:
    results: list[ScheduledCallResult] = []
    position: int | None = 0
    while position is not None:
        read = await page(world, batch_id, position, limit, states)
        assert len(read.results) <= limit
        results += read.results
        position = read.next_position
    return results


async def in_many_states(world: World) -> BatchId:
    """Rows 0 to 9: answered and over, live, refused, unknown, not sent, claimed, and four
    that wait."""
    batch_id = await world.batch(10, unknown_policy=HOLD)
    calls = await world.claim(6)
    await world.send(calls[:5])
    await world.apply(accepted(calls[0]), answered(calls[0]), accepted(calls[1]))
    await world.apply(ended(calls[0]), refused(calls[2]), unclear(calls[3]), not_sent(calls[4]))
    return batch_id


@pytest.mark.parametrize("limit", [1, 3, 10, 11])
async def test_all_rows_come_by_position_with_their_calls(world: World, limit: int) -> None:
    batch_id = await in_many_states(world)
    results = await exported(world, batch_id, limit)
    assert [result.scheduled_call for result in results] == await world.rows(batch_id)
    for result in results:
        call_id = result.scheduled_call.call_id
        assert (result.call is None) == (call_id is None)
        if call_id is not None:
            assert result.call == await world.store.calls.get_call(world.account_id, call_id)
    states = [result.call.state if result.call else None for result in results]
    ended_state, live = CallState.ENDED, CallState.ACCEPTED
    assert states == [ended_state, live, ended_state, CallState.UNKNOWN, *[None] * 6]


async def test_the_latest_of_several_calls_is_shown(world: World) -> None:
    batch_id = await world.batch(1, unknown_policy=RETRY)
    (first,) = await world.sending()
    await world.apply(unclear(first))
    await world.apply(report(first, ReportKind.NOT_PLACED))
    (waiting,) = (await page(world, batch_id)).results
    assert waiting.call is not None
    assert (waiting.call.call_id, waiting.call.attempt_number) == (first.call_id, 1)
    (second,) = await world.live()
    await world.apply(ended(second, Disposition.NO_ANSWER))
    (over,) = (await page(world, batch_id)).results
    assert over.call is not None
    assert (over.call.call_id, over.call.attempt_number) == (second.call_id, 2)
    assert over.call.disposition is Disposition.NO_ANSWER


async def test_a_rare_state_is_looked_for_in_bounded_reads(world: World) -> None:
    batch_id = await world.batch(3)
    for call in (await world.sending())[::2]:
        await world.apply(refused(call))
    # As if many more rows had come in between the first and the last.
    far = 2 * ROWS_PER_LOOK + 5
    await world.execute("UPDATE scheduled_calls SET position = :far WHERE position = 2", far=far)
    await world.execute("UPDATE batches SET next_position = :end", end=far + 1)
    looked = await page(world, batch_id, limit=2, states=[FAILED])
    assert [r.scheduled_call.position for r in looked.results] == [0]
    assert looked.next_position == ROWS_PER_LOOK, "not to the end of the batch for one more"
    found = await exported(world, batch_id, 2, [FAILED])
    assert [r.scheduled_call.position for r in found] == [0, far]
    assert await exported(world, batch_id, 2, [WAITING]) == []


async def test_it_goes_on_from_a_position(world: World) -> None:
    batch_id = await world.batch(5)
    read = await page(world, batch_id, from_position=3)
    assert [r.scheduled_call.position for r in read.results] == [3, 4]
    assert read.next_position is None
    for behind in (5, 6, 2**63 - 1):
        assert await page(world, batch_id, from_position=behind) == ResultPage([], None)


async def test_a_batch_without_rows_gives_none(world: World) -> None:
    batch_id = await world.batch(0, draft=True)
    assert await page(world, batch_id) == ResultPage([], None)


async def test_what_is_not_ours_or_deleted_is_not_found(world: World) -> None:
    batch_id = await world.batch(1)
    other = await world.new_account()
    with pytest.raises(NotFoundError) as refusal:
        await page(world, batch_id, account_id=other)
    assert refusal.value.reason is Reason.BATCH_NOT_FOUND
    with pytest.raises(NotFoundError):
        await page(world, BatchId(NO_ID))
    await world.change(batch_id, rules.delete)
    with pytest.raises(NotFoundError):
        await page(world, batch_id)


@pytest.mark.parametrize("states", [(), (FAILED, WAITING)])
async def test_a_page_is_read_through_the_indexes(
    world: World, states: Collection[ScheduledCallState]
) -> None:
    await world.batch(1000)
    await world.sending()

    def explain(tx: Tx) -> list[str]:
        if tx.dialect.locks_rows:
            # Of tables as small as these it would rather read all.
            tx.run("SET LOCAL enable_seqscan = off")
            tx.run("ANALYZE")
        steps = tx.all(
            f"EXPLAIN {'' if tx.dialect.locks_rows else 'QUERY PLAN '}{page_sql(states)}",
            batch=1,
            from_position=400,
            to_position=420,
            limit=20,
        )
        return [str(step[-1]) for step in steps]

    plan = "\n".join(await world.store.database.write(explain))
    assert "rows_by_position" in plan, plan
    assert "calls_pkey" in plan or "SEARCH c USING INTEGER PRIMARY KEY" in plan, plan
    assert "SCAN" not in plan, plan
    assert "Seq Scan" not in plan, plan


async def test_what_was_said_comes_for_those_who_ask_for_it(world: World) -> None:
    batch_id = await world.batch(3)
    first, _ = await world.live(2)
    said = Conversation(summary="Ada will come.", utterances=(Utterance(Speaker.AGENT, "Hi"),))
    event = CallEvent(None, said)
    await world.store.dispatch.apply_call_event(world.account_id, first.call_id, event)
    read = await world.store.calls.export_scheduled_calls(
        world.account_id, batch_id, 0, 10, with_conversations=True
    )
    talks = [result.call and result.call.conversation for result in read.results]
    assert talks == [said, None, None]
    plain = await page(world, batch_id)
    assert [r.call and r.call.conversation for r in plain.results] == [None, None, None]
