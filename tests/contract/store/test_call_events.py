"""What other systems report of calls: it moves them once, and what was said is kept with them."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outdial_server.domain.call import Call, CallState, Disposition
from outdial_server.domain.call_event import CallEvent, Joined, Over
from outdial_server.domain.conversation import (
    CollectedValue,
    Conversation,
    Evaluation,
    Speaker,
    Utterance,
)
from outdial_server.domain.errors import (
    InvalidFieldsError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import CallId
from outdial_server.domain.limits import CONVERSATION_MAX_BYTES
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.retention import Retention
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.ports.erasure import Place, Subject
from support.invariants import check_invariants
from support.stores import NO_ID, World, ended

JOINED, OVER = CallEvent(Joined()), CallEvent(Over())
SAID = Conversation(
    timedelta(seconds=42, microseconds=7),
    "Ada will come on Friday.",
    "https://media.example/1.mp3",
    (Utterance(Speaker.AGENT, "Hello, Ada."), Utterance(Speaker.PERSON, "Hi!", timedelta(0))),
    (Evaluation("e-1", "was polite", passed=True, rationale="Said hello."),),
    (CollectedValue("v-1", "day", '"friday"'), CollectedValue("", "guests")),
)


async def tell(world: World, call: ClaimedCall, event: CallEvent) -> Call:
    after = await world.store.dispatch.apply_call_event(call.account_id, call.call_id, event)
    await check_invariants(world.store)
    return after.call


async def test_a_call_is_joined_and_ends_by_what_is_reported(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.sending()
    assert (await tell(world, call, JOINED)).state is CallState.IN_PROGRESS
    over = await tell(world, call, CallEvent(Over(reason="hangup")))
    assert (over.state, over.disposition) == (CallState.ENDED, Disposition.ANSWERED_HUMAN)
    assert over.reason == "hangup"
    assert await world.used() == (0, 0)
    row = await world.row(batch_id)
    assert (row.state, row.dispatched_at) == (ScheduledCallState.COMPLETED, world.clock.now())
    causes = [e.cause for e in await world.events(batch_id, 2)]
    assert causes[:2] == ["CALL_REPORT", "CALL_REPORT"]


@pytest.mark.parametrize(
    ("event", "disposition"),
    [
        (CallEvent(Over(Disposition.UNJOINED)), Disposition.UNJOINED),
        (CallEvent(Over(Disposition.BUSY)), Disposition.BUSY),
        (OVER, Disposition.FAILED),
    ],
)
async def test_a_call_that_nobody_joined_ends_as_the_report_says(
    world: World, event: CallEvent, disposition: Disposition
) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.live()
    assert (await tell(world, call, event)).disposition is disposition
    assert (await world.row(batch_id)).state is ScheduledCallState.FAILED


async def test_a_machine_that_joined_is_how_the_call_ends(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    await tell(world, call, CallEvent(Joined(by_machine=True)))
    assert (await tell(world, call, OVER)).disposition is Disposition.ANSWERED_MACHINE


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(
        st.sampled_from(
            [
                JOINED,
                CallEvent(Over(Disposition.ANSWERED_HUMAN)),
                CallEvent(None, SAID),
                CallEvent(Over(Disposition.ANSWERED_HUMAN), SAID),
            ]
        ),
        min_size=1,
        max_size=6,
    )
)
async def test_reports_in_any_order_and_number_end_a_call_once(
    world: World, events: list[CallEvent]
) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.live()
    for event in events:
        shown = await tell(world, call, event)
    again = await tell(world, call, events[-1])
    assert again == shown
    types = [event.type for event in await world.events(batch_id)]
    is_over = any(isinstance(event.happened, Over) for event in events)
    was_said = any(event.conversation for event in events)
    assert types.count(EventType.CALL_ENDED) == is_over
    assert types.count(EventType.BATCH_ENDED) == is_over
    assert types.count(EventType.CONVERSATION_REPORTED) == was_said
    assert shown.conversation == (SAID if was_said else None)
    assert await world.used() == ((0, 0) if is_over else (1, 1))
    if not is_over:
        await tell(world, call, OVER)


async def test_two_that_report_the_same_end_at_once_end_it_once(world: World) -> None:
    batch_id = await world.batch(1)
    (call,) = await world.live()
    event = CallEvent(Over(Disposition.BUSY), SAID)
    shown = await asyncio.gather(*(tell(world, call, event) for _ in range(8)))
    assert {one.disposition for one in shown} == {Disposition.BUSY}
    assert (await world.get(batch_id)).counts.failed == 1
    types = [e.type for e in await world.events(batch_id)]
    assert types.count(EventType.CALL_ENDED) == 1
    assert types.count(EventType.CONVERSATION_REPORTED) == 1


async def test_a_conversation_is_told_part_by_part(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    await tell(world, call, CallEvent(None, Conversation(summary="Draft.")))
    await tell(world, call, CallEvent(Over(), Conversation(utterances=SAID.utterances)))
    shown = await tell(world, call, CallEvent(None, Conversation(summary="In the end.")))
    assert shown.conversation == Conversation(summary="In the end.", utterances=SAID.utterances)
    listed = await world.store.calls.list_calls(world.account_id, PageRequest())
    assert listed.items[0].conversation is None


async def test_what_was_said_is_an_event_with_the_row_as_it_stands(world: World) -> None:
    busy = RetryRule(Disposition.BUSY, FixedDelays((timedelta(minutes=5),)))
    batch_id = await world.batch(1, retry_policy=RetryPolicy((busy,)))
    (call,) = await world.live()
    await tell(world, call, CallEvent(Over(Disposition.BUSY), SAID))
    end, said = [e.after for e in await world.events(batch_id, 3)]
    assert said == end, "it waits for its next try, and its due time is still known"
    world.advance(minutes=5)
    await world.live()
    newest = (await world.get(batch_id)).sequence
    later = await tell(world, call, CallEvent(None, Conversation(summary="Busy.")))
    assert later.conversation is not None
    assert (await world.get(batch_id)).sequence == newest, "another call is its state by now"


async def test_all_parts_together_are_bounded(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    half = "x" * (CONVERSATION_MAX_BYTES // 32)
    talk = tuple(Utterance(Speaker.AGENT, half) for _ in range(32))
    await tell(world, call, CallEvent(None, Conversation(utterances=talk)))
    with pytest.raises(InvalidFieldsError, match="256 KiB"):
        await tell(world, call, CallEvent(None, Conversation(summary="One more.")))


async def test_a_call_of_nobody_or_of_another_account_is_not_found(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    dispatch = world.store.dispatch
    for account_id, call_id in (
        (world.account_id, CallId(NO_ID)),
        (await world.new_account(), call.call_id),
    ):
        with pytest.raises(NotFoundError):
            await dispatch.apply_call_event(account_id, call_id, OVER)
    assert await world.call_state(call) is CallState.ACCEPTED


async def test_of_a_direct_call_that_waits_nothing_can_be_reported(world: World) -> None:
    made = await world.direct()
    dispatch = world.store.dispatch
    with pytest.raises(PreconditionError) as refused:
        await dispatch.apply_call_event(world.account_id, made.call.call_id, OVER)
    assert refused.value.reason is Reason.CALL_NOT_SENT
    assert made.claimed is not None
    await world.send([made.claimed])
    over = await tell(world, made.claimed, CallEvent(Over(Disposition.BUSY), SAID))
    assert (over.disposition, over.conversation) == (Disposition.BUSY, SAID)


async def test_what_was_said_goes_with_payloads_and_does_not_come_back(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    await tell(world, call, CallEvent(Over(), SAID))
    world.advance(days=2)
    day = timedelta(days=1)
    await world.store.retention.erase(Retention(payloads=day), 500)
    with pytest.raises(PreconditionError) as refused:
        await tell(world, call, CallEvent(None, SAID))
    assert refused.value.reason is Reason.CALL_PAYLOAD_ERASED
    assert (await tell(world, call, OVER)).conversation is None
    everything = Retention(payloads=day, events=day, calls=day, batches=day)
    while (await world.store.retention.erase(everything, 500)).more:
        pass
    assert await world.sql("SELECT COUNT(*) FROM calls") == [(0,)]


async def test_what_was_said_to_a_number_that_is_forgotten_is_forgotten(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    await tell(world, call, CallEvent(None, SAID))
    await world.apply(ended(call))
    await world.store.erasure.forget(Subject(call.address, None, with_suppressions=False), Place())
    assert await world.sql("SELECT COUNT(*) FROM conversations") == [(0,)]
    with pytest.raises(PreconditionError):
        await tell(world, call, CallEvent(None, SAID))
