"""ExplainBatch and ExplainScheduledCall on a whole server."""

from datetime import UTC, datetime, timedelta

import grpc.aio
import pytest
import pytest_asyncio
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED, Batch
from outdial.v1.batch_service_pb2 import WATCH_SCOPE_BATCH, WatchBatchRequest
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.explanation_pb2 import (
    GATE_LEVEL_BATCH,
    GATE_LEVEL_CHOICE,
    GATE_LEVEL_ROW,
    GATE_LEVEL_SERVER,
    BatchExplanation,
    ScheduledCallExplanation,
)
from outdial.v1.scheduled_call_pb2 import SCHEDULED_CALL_STATE_COMPLETED, ScheduledCall
from tests.integration.conftest import OPERATOR_KEY

from support.grpc import call, with_key

KEY = with_key(OPERATOR_KEY)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent_id(grpc_channel: grpc.aio.Channel) -> str:
    made = await call(grpc_channel, "CreateAgent", KEY, agent=Agent(display_name="Ada"))
    agent_id: str = made.agent.agent_id
    return agent_id


async def new_batch(channel: grpc.aio.Channel, agent_id: str, **values: object) -> str:
    draft = bool(values.pop("draft", False))
    made = await call(
        channel,
        "CreateBatch",
        KEY,
        batch=Batch(agent_id=agent_id, display_name="list", **values),  # type: ignore[arg-type]
        scheduled_calls=[ScheduledCall(address=f"+1555{n:07d}") for n in range(3)],
        draft=draft,
    )
    batch_id: str = made.batch.batch_id
    return batch_id


async def explain(channel: grpc.aio.Channel, batch_id: str) -> BatchExplanation:
    answer = await call(channel, "ExplainBatch", KEY, batch_id=batch_id)
    explanation: BatchExplanation = answer.explanation
    return explanation


async def explain_first_row(channel: grpc.aio.Channel, batch_id: str) -> ScheduledCallExplanation:
    rows = await call(channel, "ListScheduledCalls", KEY, batch_id=batch_id, page_size=1)
    answer = await call(
        channel,
        "ExplainScheduledCall",
        KEY,
        scheduled_call_id=rows.scheduled_calls[0].scheduled_call_id,
    )
    explanation: ScheduledCallExplanation = answer.explanation
    return explanation


async def ended(channel: grpc.aio.Channel, batch_id: str) -> None:
    request = WatchBatchRequest(batch_id=batch_id, scope=WATCH_SCOPE_BATCH)
    async for _ in BatchServiceStub(channel).WatchBatch(request, metadata=KEY):
        pass


@pytest.mark.asyncio(loop_scope="module")
async def test_a_window_that_is_not_open_says_when(
    grpc_channel: grpc.aio.Channel, agent_id: str
) -> None:
    opens = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    batch_id = await new_batch(grpc_channel, agent_id, window_start=opens)
    explanation = await explain(grpc_channel, batch_id)
    verdict = explanation.verdict
    assert (verdict.open, verdict.gate, verdict.reason) == (False, "batch_state", "BATCH_SCHEDULED")
    assert verdict.next_at.ToDatetime(tzinfo=UTC) == opens
    assert verdict.sentence == f"The window opens at {opens:%Y-%m-%d %H:%M:%S} UTC."
    assert (explanation.waiting, explanation.due.count, explanation.claimable) == (3, 3, 0)
    levels = [gate.level for gate in explanation.gates]
    assert levels == sorted(levels)
    assert set(levels) == {GATE_LEVEL_BATCH, GATE_LEVEL_CHOICE, GATE_LEVEL_SERVER}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_row_has_the_gates_of_its_batch_and_its_own(
    grpc_channel: grpc.aio.Channel, agent_id: str
) -> None:
    batch_id = await new_batch(grpc_channel, agent_id, draft=True)
    explanation = await explain_first_row(grpc_channel, batch_id)
    assert explanation.verdict.reason == "BATCH_DRAFT"
    assert not explanation.verdict.HasField("next_at")
    assert explanation.ahead.count == 0
    names = {(gate.name, gate.level) for gate in explanation.gates}
    assert {("batch_state", GATE_LEVEL_BATCH), ("due", GATE_LEVEL_ROW)} <= names
    slots = next(gate for gate in explanation.gates if gate.name == "slots_account")
    assert slots.open
    assert slots.budget == slots.figures["cap"] - slots.figures["used"]


@pytest.mark.asyncio(loop_scope="module")
async def test_what_has_ended_says_how(grpc_channel: grpc.aio.Channel, agent_id: str) -> None:
    batch_id = await new_batch(grpc_channel, agent_id)
    await ended(grpc_channel, batch_id)
    explanation = await explain(grpc_channel, batch_id)
    assert explanation.state == BATCH_STATE_COMPLETED
    assert explanation.verdict.sentence == "The batch is completed."
    row = await explain_first_row(grpc_channel, batch_id)
    assert (row.verdict.open, list(row.gates)) == (True, [])
    assert row.verdict.sentence.startswith("It ended ")
    assert row.state >= SCHEDULED_CALL_STATE_COMPLETED


@pytest.mark.asyncio(loop_scope="module")
async def test_the_engine_tells_when_it_last_claimed(
    grpc_channel: grpc.aio.Channel, agent_id: str
) -> None:
    batch_id = await new_batch(grpc_channel, agent_id, draft=True)
    gates = {gate.name: gate for gate in (await explain(grpc_channel, batch_id)).gates}
    assert gates["engine"].open
    assert gates["engine"].figures["unsent"] == 0
    assert gates["engine"].figures["last_claim_ms_ago"] >= 0
    assert gates["carrier"].open
    assert gates["server"].open
