"""The batches of an account, followed over gRPC and over HTTP on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc.aio
import httpx
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from outdial.v1.account_pb2 import API_KEY_SCOPE_READ, API_KEY_SCOPE_WRITE, Account, ApiKey
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED, Batch
from outdial.v1.batch_service_pb2 import WatchBatchesRequest, WatchBatchesResponse
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.app.server import RunningServer
from support.grpc import Metadata, call, refused, with_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE_SECONDS = 30
QUICK = Duration(nanos=20_000_000)


class Desk:
    """An account of its own."""

    def __init__(self, channel: grpc.aio.Channel, secret: str) -> None:
        self.channel = channel
        self.secret = secret
        self.key = with_key(secret)
        self.agent_id = ""

    async def new_agent(self, name: str) -> str:
        made = await call(self.channel, "CreateAgent", self.key, agent=Agent(display_name=name))
        agent_id: str = made.agent.agent_id
        return agent_id

    async def batch(self, rows: int = 1, *, draft: bool = False, agent_id: str = "") -> str:
        made = await call(
            self.channel,
            "CreateBatch",
            self.key,
            batch=Batch(agent_id=agent_id or self.agent_id, display_name="shown"),
            scheduled_calls=[ScheduledCall(address=f"+1555{n:07d}") for n in range(rows)],
            draft=draft,
        )
        batch_id: str = made.batch.batch_id
        return batch_id

    async def do(self, name: str, batch_id: str) -> Any:
        return await call(self.channel, name, self.key, batch_id=batch_id)

    def watch(self, **fields: Any) -> "Watch":
        request = WatchBatchesRequest(min_interval=QUICK, **fields)
        return Watch(BatchServiceStub(self.channel).WatchBatches(request, metadata=self.key))


class Watch:
    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.token = ""

    async def read(self) -> WatchBatchesResponse:
        async with asyncio.timeout(PATIENCE_SECONDS):
            message: WatchBatchesResponse = await self.stream.read()
        assert message != grpc.aio.EOF, "the stream ended"
        self.token = message.resume_token or self.token
        return message

    async def snapshot(self) -> Sequence[Batch]:
        batches: list[Batch] = []
        while True:
            message = await self.read()
            batches += message.batches
            if message.snapshot_complete:
                return batches

    async def until(self, batch_id: str, state: int) -> Batch:
        """The first message with the batch in a state."""
        while True:
            for batch in (await self.read()).batches:
                if (batch.batch_id, batch.state) == (batch_id, state):
                    return batch

    async def is_over(self) -> bool:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return bool(await self.stream.read() == grpc.aio.EOF)

    def cancel(self) -> None:
        self.stream.cancel()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(grpc_channel: grpc.aio.Channel) -> Desk:
    operator: Metadata = with_key(OPERATOR_KEY)
    made = await call(grpc_channel, "CreateAccount", operator, account=Account(display_name="desk"))
    key = await call(
        grpc_channel,
        "CreateApiKey",
        operator,
        account_id=made.account.account_id,
        api_key=ApiKey(display_name="desk", scopes=[API_KEY_SCOPE_READ, API_KEY_SCOPE_WRITE]),
    )
    desk = Desk(grpc_channel, key.secret)
    desk.agent_id = await desk.new_agent("Ada")
    return desk


async def test_an_account_s_batches_are_followed_from_their_making_to_their_end(
    desk: Desk,
) -> None:
    held = await desk.batch(draft=True)
    watch = desk.watch()
    (shown,) = await watch.snapshot()
    assert shown == (await desk.do("GetBatch", held)).batch
    dialled = await desk.batch(20)
    ended = await watch.until(dialled, BATCH_STATE_COMPLETED)
    assert ended == (await desk.do("GetBatch", dialled)).batch
    await desk.do("DeleteBatch", held)
    assert list((await watch.read()).deleted_batch_ids) == [held]
    watch.cancel()


async def test_a_watch_goes_on_from_its_token_with_what_differs_alone(desk: Desk) -> None:
    changed, left = await desk.batch(draft=True), await desk.batch(draft=True)
    deleted = await desk.batch(draft=True)
    watch = desk.watch()
    assert {b.batch_id for b in await watch.snapshot()} == {changed, left, deleted}
    watch.cancel()

    await desk.do("DeleteBatch", deleted)
    await desk.do("CancelBatch", changed)
    passed = await desk.batch(1)
    by_itself = desk.watch(batch_ids=[passed])
    await by_itself.until(passed, BATCH_STATE_COMPLETED)
    resumed = desk.watch(resume_token=watch.token)
    gone, news = await resumed.read(), await resumed.read()
    assert (list(gone.deleted_batch_ids), list(gone.batches)) == ([deleted], [])
    # Also the one that came and ended while nobody watched.
    assert {b.batch_id for b in news.batches} == {changed, passed}
    assert not news.snapshot_complete
    resumed.cancel()


async def test_named_batches_are_followed_until_all_have_ended(desk: Desk) -> None:
    one, two = await desk.batch(draft=True), await desk.batch(draft=True)
    other = await desk.batch(draft=True)
    watch = desk.watch(batch_ids=[one, two.upper(), one])
    assert {b.batch_id for b in await watch.snapshot()} == {one, two}
    await desk.do("DeleteBatch", other)
    await desk.do("DeleteBatch", two)
    assert list((await watch.read()).deleted_batch_ids) == [two]
    await desk.do("StartBatch", one)
    await watch.until(one, BATCH_STATE_COMPLETED)
    assert await watch.is_over()
    assert await desk.watch(batch_ids=[two, one], resume_token=watch.token).is_over()


async def test_the_batches_of_one_agent(desk: Desk) -> None:
    grace = await desk.new_agent("Grace")
    hers, _ = await desk.batch(draft=True, agent_id=grace), await desk.batch(draft=True)
    watch = desk.watch(agent_id=grace)
    assert [b.batch_id for b in await watch.snapshot()] == [hers]
    watch.cancel()


async def test_what_is_wrong_is_said_before_anything_is_sent(
    desk: Desk, grpc_channel: grpc.aio.Channel
) -> None:
    mine = await desk.batch(draft=True)
    everything = desk.watch()
    await everything.snapshot()
    everything.cancel()
    for wrong, code, reason, named in (
        ({"batch_ids": [mine, mine[:-1] + "z"]}, "NOT_FOUND", "BATCH_NOT_FOUND", None),
        ({"agent_id": mine}, "NOT_FOUND", "AGENT_NOT_FOUND", None),
        (
            {"resume_token": everything.token, "batch_ids": [mine]},
            "INVALID_ARGUMENT",
            "RESUME_TOKEN_INVALID",
            "resume_token",
        ),
    ):
        refusal = await refused(grpc_channel, "WatchBatches", desk.key, **wrong)  # type: ignore[arg-type]
        assert (refusal.code.name, refusal.info.reason) == (code, reason)
        assert named is None or refusal.fields == [named]
    foreign = await refused(grpc_channel, "WatchBatches", with_key(OPERATOR_KEY), batch_ids=[mine])
    assert foreign.info.reason == "BATCH_NOT_FOUND"


async def sent_events(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The messages of a stream as a browser reads them, each with its `id`."""
    last_id = ""
    async for line in answer.aiter_lines():
        name, _, text = line.partition(": ")
        if name == "id":
            last_id = text
        elif name == "data":
            yield {"id": last_id, **json.loads(text)}


async def test_a_browser_goes_on_behind_the_last_event_that_it_had(
    desk: Desk, grpc_server: RunningServer
) -> None:
    batch_id = await desk.batch(rows := 2, draft=True)
    headers = {"x-api-key": desk.secret, "accept": "text/event-stream"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{grpc_server.http_port}/outdial/v1",
        headers=headers,
        timeout=PATIENCE_SECONDS,
    ) as http:
        query = {"batch_ids": batch_id, "min_interval": "0.02s"}
        async with http.stream("GET", "/batches:watch", params=query) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            events = sent_events(answer)
            first = await anext(events)
            assert first["batches"][0]["counts"]["total"] == str(rows)
            complete = await anext(events)
            assert (complete["snapshotComplete"], complete["resumeToken"]) == (True, complete["id"])
        await desk.do("StartBatch", batch_id)
        resumed = {"last-event-id": complete["id"]}
        async with http.stream("GET", "/batches:watch", params=query, headers=resumed) as answer:
            told = [event async for event in sent_events(answer)]
    assert not any(event.get("snapshotComplete") for event in told)
    assert told[-1]["batches"][0]["state"] == "BATCH_STATE_COMPLETED"
