"""Retries on a whole server, by hand and by rules, with a carrier of its own that says what
rang."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED, BATCH_STATE_RUNNING, Batch
from outdial.v1.batch_service_pb2 import (
    WATCH_DELIVERY_EVERY_EVENT,
    WATCH_DELIVERY_LATEST,
    WatchBatchRequest,
)
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.retry_policy_pb2 import RetryBackoff, RetryPolicy, RetryRule
from outdial.v1.scheduled_call_pb2 import (
    DISPOSITION_ANSWERED_HUMAN,
    DISPOSITION_BUSY,
    DISPOSITION_NO_ANSWER,
    SCHEDULED_CALL_STATE_COMPLETED,
    SCHEDULED_CALL_STATE_FAILED,
    SCHEDULED_CALL_STATE_WAITING,
    ScheduledCall,
)
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.app.server import running_server
from outdial_server.domain.event import EventType
from outdial_server.settings import Settings
from support.grpc import call, refused, with_key
from support.processes import CALLBACK_SECRET, CarrierProcess, free_port, read_ringing
from support.watch_checkers import (
    check_contiguous_messages,
    check_ended,
    check_gapless,
    check_states,
    check_terminal_told,
    check_unique,
)
from support.watch_messages import GrpcReader, read_whole_log

KEY = with_key(OPERATOR_KEY)
ROWS = 60
# Half of the people pick up.
EVENING = {
    "request_latency_ms": "0-2",
    "ring_ms": "0-2",
    "talk_ms": "0-2",
    "answered_human": 1,
    "no_answer": 1,
    **dict.fromkeys(("answered_machine", "busy", "rejected", "failed", "invalid_number"), 0),
}


@dataclass(frozen=True)
class Site:
    channel: grpc.aio.Channel
    carrier: CarrierProcess

    async def everybody_is_at_home(self) -> None:
        await self.from_now_on(no_answer=0)

    async def from_now_on(self, **weights: int) -> None:
        async with httpx.AsyncClient(base_url=self.carrier.url) as carrier:
            answer = await carrier.post("/admin/profile", json=weights)
        assert answer.is_success

    async def new_batch(
        self,
        *,
        draft: bool = False,
        rows: int = ROWS,
        policy: RetryPolicy | None = None,
        ring_timeout: Duration | None = None,
    ) -> str:
        agent = await call(self.channel, "CreateAgent", KEY, agent=Agent(display_name="Ada"))
        made = await call(
            self.channel,
            "CreateBatch",
            KEY,
            batch=Batch(agent_id=agent.agent.agent_id, display_name="evening", retry_policy=policy),
            scheduled_calls=[
                ScheduledCall(
                    address=f"+1555{n:07d}",
                    ring_timeout=ring_timeout,
                    max_call_duration=ring_timeout,
                )
                for n in range(rows)
            ],
            draft=draft,
        )
        batch_id: str = made.batch.batch_id
        return batch_id

    async def rows(self, batch_id: str) -> list[ScheduledCall]:
        page = await call(self.channel, "ListScheduledCalls", KEY, batch_id=batch_id, page_size=999)
        return list(page.scheduled_calls)

    async def watched_to_the_end(self, request: WatchBatchRequest) -> GrpcReader:
        reader = GrpcReader(self.channel, KEY, request)
        async with asyncio.timeout(60):
            await reader.read()
        check_ended(reader.told)
        return reader


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    carrier = CarrierProcess(tmp_path, EVENING)
    http_port = free_port()
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen=f"127.0.0.1:{http_port}",
        public_url=f"http://127.0.0.1:{http_port}",
        bootstrap_api_key=OPERATOR_KEY,
        simulated_carrier_url=carrier.url,
        simulated_carrier_secret=CALLBACK_SECRET,
        drain_seconds=0.2,
    )
    async with (
        carrier.running(),
        running_server(settings) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
    ):
        yield Site(channel, carrier)


def from_token(batch_id: str, token: str) -> WatchBatchRequest:
    return WatchBatchRequest(
        batch_id=batch_id,
        resume_token=token,
        delivery=WATCH_DELIVERY_EVERY_EVENT,
        min_interval=Duration(nanos=20_000_000),
    )


async def test_people_who_did_not_answer_are_dialled_once_more_and_nobody_else(
    site: Site,
) -> None:
    batch_id = await site.new_batch()
    first = await site.watched_to_the_end(from_token(batch_id, ""))
    missed = {
        row.scheduled_call_id
        for row in await site.rows(batch_id)
        if row.state == SCHEDULED_CALL_STATE_FAILED
    }
    assert 0 < len(missed) < ROWS

    await site.everybody_is_at_home()
    retried = await call(
        site.channel, "RetryBatch", KEY, batch_id=batch_id, dispositions=[DISPOSITION_NO_ANSWER]
    )
    assert retried.retried_count == len(missed)
    assert retried.batch.state in (BATCH_STATE_RUNNING, BATCH_STATE_COMPLETED)

    # One watcher comes back with the token of the end, one with a token from before it,
    # one knows nothing.
    tokens = [m.token for m in first.told if m.token]
    middle = [message for message in first.told if message.token == tokens[len(tokens) // 2]]
    after_end, across, fresh = await asyncio.gather(
        *(site.watched_to_the_end(from_token(batch_id, t)) for t in (tokens[-1], middle[-1].token)),
        site.watched_to_the_end(from_token(batch_id, "")),
    )
    log = await read_whole_log(site.channel, KEY, batch_id)
    start = next(message.sequence for message in first.told if message.snapshot_complete)
    until_middle = first.told[: first.told.index(middle[-1]) + 1]
    for told in ([*first.told, *after_end.told], [*until_middle, *across.told]):
        check_unique(told)
        check_gapless(told, start, len(log.events))
        check_contiguous_messages(told)
        check_states(told, log.states_at)
    check_states(fresh.told, log.states_at)

    batch = (await call(site.channel, "GetBatch", KEY, batch_id=batch_id)).batch
    assert batch.state == BATCH_STATE_COMPLETED
    assert (batch.counts.completed, batch.counts.dispatch_accepted) == (ROWS, ROWS)
    ringing = read_ringing(site.carrier.log)
    for row in await site.rows(batch_id):
        tries = 2 if row.scheduled_call_id in missed else 1
        assert row.state == SCHEDULED_CALL_STATE_COMPLETED
        assert row.attempt_count == ringing.addresses[row.address] == tries
    assert set(ringing.placed.values()) == {1}


async def test_whoever_watches_the_newest_states_sees_the_batch_go_on(site: Site) -> None:
    batch_id = await site.new_batch()
    request = from_token(batch_id, "")
    request.delivery = WATCH_DELIVERY_LATEST
    first = await site.watched_to_the_end(request)
    await site.everybody_is_at_home()
    await call(site.channel, "RetryBatch", KEY, batch_id=batch_id)
    request.resume_token = first.told[-1].token
    again = await site.watched_to_the_end(request)
    log = await read_whole_log(site.channel, KEY, batch_id)
    told = [*first.told, *again.told]
    start = next(message.sequence for message in told if message.snapshot_complete)
    check_terminal_told(told, log.events, after=start)
    check_states(told, log.states_at)
    ends = [event for event in log.events if event.type == EventType.BATCH_ENDED]
    assert len(ends) == 2


async def test_one_row_is_retried_by_its_id(site: Site) -> None:
    batch_id = await site.new_batch()
    await site.watched_to_the_end(from_token(batch_id, ""))
    rows = await site.rows(batch_id)
    missed = next(row for row in rows if row.state == SCHEDULED_CALL_STATE_FAILED)
    reached = next(row for row in rows if row.state == SCHEDULED_CALL_STATE_COMPLETED)
    await site.everybody_is_at_home()
    for row in (missed, reached):
        request = {"scheduled_call_id": row.scheduled_call_id, "request_id": row.address}
        for _ in range(2):
            answer = await call(site.channel, "RetryScheduledCall", KEY, **request)
            assert answer.scheduled_call.scheduled_call_id == row.scheduled_call_id
    await site.watched_to_the_end(from_token(batch_id, ""))
    ringing = read_ringing(site.carrier.log)
    twice = {address for address, times in ringing.addresses.items() if times == 2}
    assert twice == {missed.address, reached.address}
    assert max(ringing.addresses.values()) == 2


async def test_a_busy_line_is_dialled_until_it_answers(site: Site) -> None:
    await site.from_now_on(answered_human=0, no_answer=0, busy=1)
    second = [Duration(seconds=1)] * 3
    policy = RetryPolicy(
        max_attempts=4, rules=[RetryRule(disposition=DISPOSITION_BUSY, delays=second)]
    )
    batch_id = await site.new_batch(rows=1, policy=policy, ring_timeout=Duration(seconds=7))
    ends = []
    async with asyncio.timeout(30):
        stream = BatchServiceStub(site.channel).WatchBatch(from_token(batch_id, ""), metadata=KEY)
        async for message in stream:
            ends += [event for event in message.events if event.type == EventType.CALL_ENDED]
            if len(ends) == 2:
                await site.from_now_on(busy=0, answered_human=1)
    waiting = [end.scheduled_call for end in ends[:-1]]
    assert [change.disposition for change in waiting] == [DISPOSITION_BUSY] * 2
    assert {change.state_reason for change in waiting} == {"RETRY_SCHEDULED"}
    for end in ends[:-1]:
        ended_at, due_at = end.time, end.scheduled_call.due_time
        assert due_at.ToMicroseconds() - ended_at.ToMicroseconds() == 1_000_000
    (row,) = await site.rows(batch_id)
    assert (row.state, row.attempt_count) == (SCHEDULED_CALL_STATE_COMPLETED, 3)
    assert row.disposition == DISPOSITION_ANSWERED_HUMAN
    assert row.ring_timeout == row.max_call_duration == Duration(seconds=7)
    batch = (await call(site.channel, "GetBatch", KEY, batch_id=batch_id)).batch
    assert batch.state == BATCH_STATE_COMPLETED
    assert batch.retry_policy == policy
    calls = (await call(site.channel, "ListCalls", KEY, batch_id=batch_id)).calls
    assert [made.attempt_number for made in calls] == [3, 2, 1]
    sent = [made.send_time.ToMicroseconds() for made in reversed(calls)]
    over = [made.end_time.ToMicroseconds() for made in reversed(calls)]
    assert all(later - end >= 1_000_000 for end, later in zip(over, sent[1:], strict=False))
    assert read_ringing(site.carrier.log).addresses == {row.address: 3}


async def test_a_policy_is_changed_and_taken_away(site: Site) -> None:
    delays = [Duration(seconds=60)]
    rule = RetryRule(disposition=DISPOSITION_BUSY, delays=delays)
    batch_id = await site.new_batch(draft=True, policy=RetryPolicy(rules=[rule]))

    async def update(policy: RetryPolicy | None) -> Batch:
        answer = await call(
            site.channel,
            "UpdateBatch",
            KEY,
            batch=Batch(batch_id=batch_id, retry_policy=policy),
            update_mask=FieldMask(paths=["retry_policy"]),
        )
        batch: Batch = answer.batch
        return batch

    backoff = RetryBackoff(initial=Duration(seconds=60))
    wanted = RetryPolicy(
        max_attempts=5, rules=[RetryRule(disposition=DISPOSITION_NO_ANSWER, backoff=backoff)]
    )
    changed = (await update(wanted)).retry_policy
    assert changed.max_attempts == 5
    assert changed.rules[0].backoff == RetryBackoff(
        initial=Duration(seconds=60), multiplier=2, cap=Duration(seconds=30 * 86_400)
    )
    assert not (await update(None)).HasField("retry_policy")


async def test_what_cannot_be_retried_is_refused_by_field_and_reason(site: Site) -> None:
    batch_id = await site.new_batch(draft=True)
    wrong_state = await refused(
        site.channel, "RetryBatch", KEY, batch_id=batch_id, states=[SCHEDULED_CALL_STATE_WAITING]
    )
    assert wrong_state.fields == ["states[0]"]
    draft = await refused(site.channel, "RetryBatch", KEY, batch_id=batch_id)
    assert draft.code is grpc.StatusCode.FAILED_PRECONDITION
    assert (draft.info.reason, draft.info.metadata["state"]) == ("BATCH_STATE", "DRAFT")
    (row, *_) = await site.rows(batch_id)
    not_ended = await refused(
        site.channel, "RetryScheduledCall", KEY, scheduled_call_id=row.scheduled_call_id
    )
    assert not_ended.info.reason == "SCHEDULED_CALL_NOT_ENDED"
