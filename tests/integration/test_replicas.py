"""Two servers on one PostgreSQL. Their sweeps come once an hour here: what one does by then for
what happened on the other it does by a hint."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import grpc.aio
import httpx
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED
from outdial.v1.batch_service_pb2 import WATCH_DELIVERY_EVERY_EVENT
from outdial.v1.event_pb2 import EVENT_TYPE_CALL_ENDED

from outdial_client import Client, NewBatch, NewCall, NewDirectCall
from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.shared_signals import SharedSignals
from outdial_server.app import foundation
from outdial_server.app.foundation import Foundation, open_foundation
from outdial_server.app.server import running_server
from outdial_server.engine import loop
from outdial_server.ports.signals import Topic
from outdial_server.settings import Settings
from outdial_server.storage import exchange_hints
from outdial_server.storage.postgres_hints import PostgresHints
from outdial_server.watch import board_watcher, tail
from support.call_receiver import call_receiver
from support.databases import PostgresServer
from support.stores import World, settled

pytestmark = [pytest.mark.postgres, pytest.mark.asyncio(loop_scope="module")]

KEY = "operator.0123456789abcdef0123456789abcdef"
PEOPLE = 20
PATIENCE_SECONDS = 120


def sweep(patch: pytest.MonkeyPatch, every: timedelta) -> None:
    patch.setattr(loop, "SWEEP_EVERY", every)
    for module in (tail, board_watcher):
        patch.setattr(module, "SWEEP", every)


@pytest.fixture(scope="module", autouse=True)
def _rare_sweeps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        sweep(patch, timedelta(hours=1))
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settings(postgres_server: PostgresServer) -> AsyncIterator[Settings]:
    name = await postgres_server.new_database()
    yield Settings(
        database_url=postgres_server.url(name),
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=KEY,
        master_key="of-all-replicas",
        simulate=True,
        simulate_profile="fast",
        drain_seconds=0.2,
        outgoing_allow="127.0.0.1",
    )
    await postgres_server.drop_database(name)


@asynccontextmanager
async def client_of_a_server(settings: Settings) -> AsyncIterator[Client]:
    async with (
        running_server(settings) as server,
        Client(f"127.0.0.1:{server.grpc_port}", api_key=KEY) as client,
    ):
        yield client


@dataclass(frozen=True)
class Replicas:
    here: Client
    there: Client
    agent_id: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicas(settings: Settings) -> AsyncIterator[Replicas]:
    async with client_of_a_server(settings) as here, client_of_a_server(settings) as there:
        agent = await here.agents.create("Reminder")
        yield Replicas(here, there, agent.agent_id)


async def ended_numbers(client: Client, batch_id: str, follows: asyncio.Event) -> list[int]:
    """The numbers of all events from now on to the end of the batch."""
    numbers: list[int] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for message in client.batches.watch(batch_id, delivery=WATCH_DELIVERY_EVERY_EVENT):
            numbers += [event.sequence for event in message.events]
            if message.snapshot_complete:
                follows.set()
    return numbers


async def test_whoever_watches_on_either_server_is_told_at_once(replicas: Replicas) -> None:
    made = await replicas.here.batches.create(
        NewBatch(agent_id=replicas.agent_id, display_name="Reminders"),
        [NewCall(address=f"+1555{n:07d}") for n in range(PEOPLE)],
        draft=True,
    )
    batch_id, begun = made.batch.batch_id, made.batch.sequence
    follow = [asyncio.Event(), asyncio.Event()]
    watches = [
        asyncio.create_task(ended_numbers(client, batch_id, follows))
        for client, follows in zip((replicas.here, replicas.there), follow, strict=True)
    ]
    for follows in follow:
        await follows.wait()
    await replicas.there.batches.start(batch_id)
    numbers = await asyncio.gather(*watches)
    ended = await replicas.here.batches.get(batch_id)
    assert ended.state == BATCH_STATE_COMPLETED
    assert numbers == [list(range(begun + 1, ended.sequence + 1))] * 2


async def test_a_webhook_made_on_one_server_is_told_of_the_calls_of_the_other(
    replicas: Replicas,
) -> None:
    async with call_receiver() as receiver:
        await replicas.there.webhooks.create(receiver.url, event_types=[EVENT_TYPE_CALL_ENDED])
        for n in (1, 2):
            receiver.was_asked.clear()
            call = NewDirectCall(address="+15550001111", agent_id=replicas.agent_id)
            await replicas.here.calls.create(call)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await receiver.was_asked.wait()
            assert len(receiver.asked) == n


@asynccontextmanager
async def a_desk(settings: Settings) -> AsyncIterator[tuple[Foundation, World]]:
    """What shares the database and dials nobody."""
    async with open_foundation(settings) as base:
        yield base, await settled(base.store, base.clock, base.ids)  # type: ignore[arg-type]


def exchange(settings: Settings, base: Foundation) -> AbstractAsyncContextManager[None]:
    assert isinstance(base.signals, SharedSignals)
    return exchange_hints(settings.database_url, base.signals)


async def come_to_their_end(base: Foundation, world: World, look_every: timedelta) -> None:
    """Two batches, one after the other: a server that looks as it begins to listen would find
    the first by that."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(2):
            batch_id = await world.batch(PEOPLE)
            base.signals.wake(Topic.CLAIM)
            while True:
                seen = base.signals.revision(batch_id)
                batch = await base.store.batches.get_batch(world.account_id, batch_id)
                if batch.ended_at is not None:
                    break
                until = base.clock.now() + look_every
                await base.signals.wait_changed(batch_id, seen, until)


async def test_what_is_made_elsewhere_is_dialled_at_once(
    settings: Settings, replicas: Replicas
) -> None:
    async with a_desk(settings) as (base, world), exchange(settings, base):
        await come_to_their_end(base, world, timedelta(hours=1))


async def test_where_no_hint_arrives_the_sweeps_find_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(self: PostgresHints, *said: object) -> None: ...

    monkeypatch.setattr(PostgresHints, "_hear", deaf)
    every = timedelta(milliseconds=200)
    sweep(monkeypatch, every)
    async with (
        client_of_a_server(settings),
        a_desk(settings) as (base, world),
        exchange(settings, base),
    ):
        await come_to_their_end(base, world, every)


class SettableClock(SystemClock):
    """Of a machine whose time somebody sets."""

    offset = timedelta(0)

    def now(self) -> datetime:
        return super().now() + SettableClock.offset


async def wait_for(engine: Any, status: Any) -> None:
    """`engine` is a stream of what health says."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await engine.read()).status != status:
            pass


async def test_a_server_whose_clock_is_off_lets_others_dial_and_answers_as_before(
    settings: Settings, replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foundation, "SystemClock", SettableClock)
    monkeypatch.setattr(SettableClock, "offset", timedelta(seconds=-6))
    async with (
        running_server(settings) as server,
        Client(f"127.0.0.1:{server.grpc_port}", api_key=KEY) as client,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.http_port}") as http,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        of_all = await health.Check(health_pb2.HealthCheckRequest())
        assert of_all.status == health_pb2.HealthCheckResponse.SERVING
        engine = health.Watch(health_pb2.HealthCheckRequest(service="outdial.engine"))
        await wait_for(engine, health_pb2.HealthCheckResponse.NOT_SERVING)
        told = await http.get("/healthz")
        assert (told.status_code, told.json()) == (
            200,
            {"status": "serving", "obstacles": {"clock": "CLOCK_OFF"}},
        )
        made = await client.batches.create(
            NewBatch(agent_id=replicas.agent_id, display_name="Reminders"),
            [NewCall(address=f"+1555{n:07d}") for n in range(PEOPLE)],
        )
        ended = await client.batches.wait_until_ended(made.batch.batch_id)
        assert ended.state == BATCH_STATE_COMPLETED
        waiting = await client.batches.create(
            NewBatch(agent_id=replicas.agent_id, display_name="Later"), draft=True
        )
        call = NewDirectCall(address="+15550001111", agent_id=replicas.agent_id)
        await client.calls.create(call)
        gates = (await client.batches.explain(waiting.batch.batch_id)).gates
        (engine_gate,) = [gate for gate in gates if gate.name == "engine"]
        assert engine_gate.figures["unsent"] == 0, "it is not for this server to dial"
        metrics = (await http.get("/metrics")).text
        assert 'outdial_dialling_obstacles{obstacle="clock"} 1.0' in metrics
        nobody = 'outdial_dials_total{ending="accepted",fault="none",reason="none"} 0.0'
        assert nobody in metrics
        SettableClock.offset = timedelta(0)
        await wait_for(engine, health_pb2.HealthCheckResponse.SERVING)
