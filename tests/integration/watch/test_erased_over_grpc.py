"""Events that retention has erased, as they are missed over real gRPC: by name, never in
silence, by raw streams and by the SDK. The test erases by itself, at the worst moment."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from outdial.v1.batch_service_pb2 import WatchBatchRequest, WatchBatchResponse, WatchDelivery
from prometheus_client import CollectorRegistry

from outdial_client import Client, EventsErasedError, NotFoundError
from outdial_server.adapters.chance import SeededChances
from outdial_server.adapters.master_key import master_key_from
from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.adapters.spare_time import SpareThread
from outdial_server.app.foundation import open_foundation
from outdial_server.app.server import build_engine
from outdial_server.app.servicers import build_grpc_server
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.commands.credentials import CredentialSealer
from outdial_server.commands.first_keys import FirstKeys
from outdial_server.commands.forecast_batch import ForecastBatch
from outdial_server.domain.account import Account
from outdial_server.domain.ids import AgentId, BatchId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.retention import Retention
from outdial_server.engine import GatheredReports
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.settings import Settings
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.erasing import erase
from outdial_server.storage.verbs.reporting import apply_reports
from outdial_server.webhooks.sender import HttpWebhookSender
from support.grpc import Refusal, call, refusal, refused, with_key
from support.stores import World, answered, ended
from support.watch_messages import Stream, watch

SECRET = "operator.0123456789abcdef0123456789abcdef"
KEY = with_key(SECRET)
AT_ONCE = timedelta()
EVENTS = Retention(events=AT_ONCE)
EVERYTHING = Retention(batches=AT_ONCE, calls=AT_ONCE)
EVERY_EVENT = WatchDelivery.WATCH_DELIVERY_EVERY_EVENT
LATEST = WatchDelivery.WATCH_DELIVERY_LATEST
LARGE = 2_000
# Else gRPC takes megabytes ahead of a reader that does not read.
_SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 64 * 1024))


@dataclass(frozen=True)
class Served:
    """The API over a store that the test drives; there is no engine."""

    world: World
    address: str
    channel: grpc.aio.Channel
    client: Client

    async def erase(self, keep: Retention = EVENTS) -> None:
        while (await self.world.store.retention.erase(keep, 250)).more:
            pass

    async def end(self, calls: list[ClaimedCall]) -> None:
        for first in range(0, len(calls), 500):
            group = calls[first : first + 500]
            await self.world.apply(*(answered(c) for c in group))
            await self.world.apply(*(ended(c) for c in group))

    async def end_and_erase(self, call: ClaimedCall, keep: Retention) -> None:
        """In one transaction: nobody can have read what it wrote and erased."""

        def verb(tx: Tx) -> None:
            apply_reports(tx, [ended(call)], ())
            while erase(tx, keep, 1000).more:
                pass

        await self.world.store.database.write(verb)

    async def over(self, rows: int) -> BatchId:
        batch_id = await self.world.batch(rows)
        await self.end(await self.world.live(rows))
        return batch_id


def _with_many_slots(account: Account) -> Account:
    return replace(account, max_concurrent_calls=LARGE)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'outdial.db'}")
    async with open_foundation(settings) as base:
        store = base.store
        await FirstKeys(store.accounts, store.keys, base.ids, base.clock).put(SECRET)
        (account,) = (await store.accounts.list_accounts(PageRequest())).items
        world = World(store, base.clock, base.ids, account.account_id, AgentId(""))  # type: ignore[arg-type]
        await store.accounts.change_account(account.account_id, _with_many_slots)
        world.agent_id = await world.new_agent("Ada")
        # Not started: nobody is dialled here.
        carriers, reports = CarrierRegistry(None), GatheredReports(base.signals)
        engine = build_engine(base, carriers, reports)
        seal = AesGcmSeal(master_key_from("a key of the test"))
        sealer = CredentialSealer({}, seal)
        sender = HttpWebhookSender(settings.outgoing_guard, seal, base.clock)
        metrics, draining = CollectorRegistry(), asyncio.Event()
        spare_time = SpareThread()
        forecast = ForecastBatch(base.store.forecasts, SeededChances(), spare_time)
        server = build_grpc_server(
            base, carriers, sealer, engine, metrics, draining, forecast, sender
        )
        address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
        await server.tell_health(is_ready=True, dials=True)
        async with (
            grpc.aio.insecure_channel(address, _SMALL_WINDOW) as channel,
            Client(address, api_key=SECRET) as client,
        ):
            yield Served(world, address, channel, client)
        await server.stop(timedelta())
        await sender.close()
        spare_time.close()


async def read_until_refused(stream: Stream) -> tuple[list[int], Refusal]:
    told: list[int] = []
    try:
        while isinstance(message := await stream.read(), WatchBatchResponse):
            told += [event.sequence for event in message.events]
            assert not message.batch_ended, "the stream must not end as if all had been told"
    except grpc.aio.AioRpcError as error:
        return told, refusal(error)
    raise AssertionError("the stream ended")


def check_named(refused: Refusal, oldest: int) -> None:
    assert refused.code is grpc.StatusCode.OUT_OF_RANGE
    assert refused.info.reason == "EVENTS_ERASED"
    assert dict(refused.info.metadata) == {"oldest_sequence": str(oldest)}


async def test_a_list_from_before_the_oldest_event_is_refused(served: Served) -> None:
    batch_id = await served.over(2)
    newest = (await served.world.get(batch_id)).sequence
    await served.erase()
    check_named(
        await refused(served.channel, "ListBatchEvents", KEY, batch_id=batch_id), newest + 1
    )
    page = await call(
        served.channel, "ListBatchEvents", KEY, batch_id=batch_id, after_sequence=newest
    )
    assert (list(page.events), page.oldest_sequence) == ([], newest + 1)
    with pytest.raises(EventsErasedError) as erased:
        await served.client.batches.events(batch_id).to_list()
    assert erased.value.oldest_sequence == newest + 1


@pytest.mark.parametrize("delivery", [EVERY_EVENT, LATEST])
async def test_a_watch_from_an_older_token_is_refused_and_one_without_goes_on(
    served: Served, delivery: WatchDelivery.ValueType
) -> None:
    batch_id = await served.world.batch(2)
    calls = await served.world.live(2)
    async with served.client.batches.watch(batch_id, delivery=delivery) as first:
        while not first.resume_token:
            await anext(first)
        token = first.resume_token
    await served.end(calls)
    newest = (await served.world.get(batch_id)).sequence
    await served.erase()

    request = WatchBatchRequest(batch_id=batch_id, resume_token=token, delivery=delivery)
    told, refusal = await read_until_refused(watch(served.channel, KEY, request))
    assert told == []
    check_named(refusal, newest + 1)
    with pytest.raises(EventsErasedError) as erased:
        await anext(served.client.batches.watch(batch_id, resume_token=token, delivery=delivery))
    assert erased.value.oldest_sequence == newest + 1

    anew = [m async for m in served.client.batches.watch(batch_id, delivery=delivery)]
    assert len(anew[0].snapshot) == 2
    assert anew[-1].batch_ended
    token = anew[-1].resume_token
    (last,) = [m async for m in served.client.batches.watch(batch_id, resume_token=token)]
    assert last.batch_ended, "who has seen everything has lost nothing"


async def test_a_watcher_that_is_overtaken_while_it_reads_again_is_told_so(served: Served) -> None:
    batch_id = await served.world.batch(LARGE)
    stream = watch(served.channel, KEY, WatchBatchRequest(batch_id=batch_id))
    token = ""
    while not token:
        token = (await stream.read()).resume_token
    stream.cancel()
    await served.end(await served.world.live(LARGE))
    newest = (await served.world.get(batch_id)).sequence

    request = WatchBatchRequest(
        batch_id=batch_id,
        resume_token=token,
        delivery=EVERY_EVENT,
        min_interval=Duration(nanos=20_000_000),
    )
    stream = watch(served.channel, KEY, request)
    first = [event.sequence for event in (await stream.read()).events]
    assert first[0] == 2
    await served.erase()
    rest, refused = await read_until_refused(stream)
    told = first + rest
    assert told == list(range(2, 2 + len(told))), "what was told is without a gap"
    # It was refused as soon as it was overtaken, and erasing went on.
    oldest = int(refused.info.metadata["oldest_sequence"])
    assert told[-1] + 1 < oldest <= newest + 1
    check_named(refused, oldest)


@pytest.mark.parametrize("delivery", [EVERY_EVENT, LATEST])
async def test_a_watcher_at_the_end_whose_next_events_are_erased_is_told_so(
    served: Served, delivery: WatchDelivery.ValueType
) -> None:
    batch_id = await served.world.batch(1)
    (live,) = await served.world.live(1)
    request = WatchBatchRequest(batch_id=batch_id, delivery=delivery)
    stream = watch(served.channel, KEY, request)
    while not (await stream.read()).resume_token:
        pass
    async with served.client.batches.watch(batch_id, delivery=delivery) as sdk:
        while not sdk.resume_token:
            await anext(sdk)
        await served.end_and_erase(live, EVENTS)
        newest = (await served.world.get(batch_id)).sequence
        told, refusal = await read_until_refused(stream)
        assert told == []
        check_named(refusal, newest + 1)
        with pytest.raises(EventsErasedError) as erased:
            await anext(sdk)
    assert erased.value.oldest_sequence == newest + 1


async def test_watchers_of_a_batch_that_is_erased_are_told_that_it_is_gone(served: Served) -> None:
    batch_id = await served.world.batch(1)
    (live,) = await served.world.live(1)
    async with served.client.batches.watch(batch_id) as sdk:
        while not sdk.resume_token:
            await anext(sdk)
        await served.end_and_erase(live, EVERYTHING)
        with pytest.raises(NotFoundError) as gone:
            await anext(sdk)
    assert gone.value.reason == "BATCH_NOT_FOUND"
    for method in ("GetBatch", "WatchBatch", "ListBatchEvents", "ListScheduledCalls"):
        refusal = await refused(served.channel, method, KEY, batch_id=batch_id)
        assert refusal.info.reason == "BATCH_NOT_FOUND", method
