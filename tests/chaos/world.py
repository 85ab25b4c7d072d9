"""A run: servers, a carrier behind a bad line, lists, watchers and accidents, and the verdict."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final

from chaos.accidents import Accidents, KillableDatabase
from chaos.fleet import Fleet, new_fleet
from chaos.judge import Outcome, read_ring_log, ringing
from chaos.lists import CalledList, make_lists
from chaos.plan import Kind, Plan
from chaos.progress import Progress
from chaos.proxy import Fault, FaultProxy
from chaos.rows import judge_rows
from chaos.verdict import Verdict, figures_of, judged, judged_ringing
from chaos.watchers import Wanderer, Witness, follow
from outdial_client import Client
from support.processes import API_KEY, CarrierProcess

WANDERERS: Final = 2
"""Of each list, beside one watcher by the SDK."""

_PROFILE: Final = {
    "request_latency_ms": "1-30",
    "ring_ms": "20-200",
    "talk_ms": "300-2400",
    "callback_duplicated": 0.05,
    "callback_late": 0.02,
    "callback_disordered": 0.05,
}


class World:
    def __init__(
        self, plan: Plan, folder: Path, url: str, database: KillableDatabase | None
    ) -> None:
        self.plan = plan
        self.url = url
        self.carrier = CarrierProcess(folder, {"seed": plan.seed, **_PROFILE})
        self.proxy = FaultProxy(self.carrier.port, plan.seed)
        self.fleet: Fleet = new_fleet(
            folder, url, self.carrier, self.proxy, plan.servers, plan.seed
        )
        self.progress = Progress()
        self.accidents = Accidents(self.fleet, database, self.progress)
        self.lists: list[CalledList] = []
        self.witnesses: list[Witness] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.carrier.stop)
            await self.carrier.start()
            stack.push_async_callback(self.proxy.stop)
            await self.proxy.start()
            stack.push_async_callback(self.fleet.stop)
            await self.fleet.start()
            yield

    async def live(self) -> None:
        """Until all is over, and all servers are there again. Accidents that have not happened
        by then will not."""
        async with Client(self.fleet.addresses, api_key=API_KEY) as client:
            self.lists = await make_lists(client, self.plan.calls)
            watching = [task for called in self.lists for task in self._watch(called)]
            for witness in self.witnesses:
                await witness.follows.wait()
            for called in self.lists:
                await client.batches.start(called.batch_id)
            happening = asyncio.create_task(self.accidents.happen(self.plan.accidents))
            await asyncio.gather(*watching)
            if happening.done():
                happening.result()
            happening.cancel()
            await self.fleet.all_up()

    def _watch(self, called: CalledList) -> Iterator[asyncio.Task[None]]:
        def witness(name: str) -> Witness:
            name = f"{name} of {called.batch_id}"
            self.witnesses.append(Witness(name, called.batch_id, self.progress.told))
            return self.witnesses[-1]

        follower = witness("the SDK's watcher")
        yield asyncio.create_task(follow(follower, self.fleet.addresses))
        for number in range(WANDERERS):
            rng = Random(f"{self.plan.seed}/{called.people[0]}/{number}")
            wanderer = Wanderer(witness(f"wanderer {number}"), self.fleet.address_of_any, rng)
            yield asyncio.create_task(wanderer.wander())

    async def outcomes(self) -> list[Outcome]:
        async with Client(self.fleet.addresses, api_key=API_KEY) as client:
            return [await _outcome(client, called) for called in self.lists]


async def _outcome(client: Client, called: CalledList) -> Outcome:
    batch_id = called.batch_id
    return Outcome(
        called,
        await client.batches.get(batch_id),
        [row async for row in client.scheduled_calls.list(batch_id, page_size=1000)],
        [call async for call in client.calls.list(batch_id=batch_id, page_size=1000)],
        [event async for event in client.batches.events(batch_id, page_size=1000)],
    )


async def run_world(
    plan: Plan, folder: Path, url: str, database: KillableDatabase | None = None
) -> Verdict:
    world = World(plan, folder, url, database)
    began = monotonic()
    outcomes: list[Outcome] = []
    broken: list[str] = []
    try:
        async with world.running(), asyncio.timeout(plan.patience_seconds):
            await world.live()
            world.fleet.check()
            outcomes = await world.outcomes()
    except TimeoutError:
        broken.append(f"not settled within {plan.patience_seconds:g} s")
    broken += world.fleet.faults
    planned, happened = len(plan.accidents), world.accidents.happened.total()
    if happened < planned:
        broken.append(f"all was over after {happened} of {planned} accidents")
    rang = ringing(read_ring_log(world.carrier.log), world.lists)
    broken += judged_ringing(rang, world.lists)
    if outcomes:
        broken += judged(outcomes, world.witnesses, rang)
        broken += await judge_rows(url)
    figures = {**_happened(world), **figures_of(outcomes, world.witnesses, rang)}
    return Verdict(plan.seed, {**figures, "seconds": round(monotonic() - began)}, tuple(broken))


def _happened(world: World) -> dict[str, int | str]:
    """What the run had to get through."""
    met = world.proxy.met
    accidents = {f"{kind.value}s": world.accidents.happened[kind] for kind in Kind}
    faults = {f"requests: {fault.value}": met[fault] for fault in Fault if fault is not Fault.NONE}
    return {**accidents, "starts of servers": world.fleet.starts, **faults}
