"""Forecasts against a truth that they did not make: the engine dials through the simulated
carrier, on a clock that jumps. The forecasts know nothing of the carrier but what calls before
came to.

`OUTDIAL_FORECAST_ROUNDS=10` is the long form: that many carriers, each with other people."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import comb
from pathlib import Path
from typing import Any

import pytest

from outdial_server.adapters.chance import SeededChances
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.signals import InProcessSignals
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.carriers.simulated.local import LocalSimulatedCarrier
from outdial_server.carriers.simulated.profile import SimulationProfile, Span
from outdial_server.domain.batch import Batch
from outdial_server.domain.call import Disposition
from outdial_server.domain.forecast.forecast import RANGE_PERCENT, Forecast, forecast
from outdial_server.domain.ids import AccountId, AgentId, BatchId, ThrottleId
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule
from outdial_server.engine.engine import Engine
from outdial_server.engine.queues import GatheredReports
from outdial_server.ports.signals import Topic
from outdial_server.storage.store import open_store
from support.stores import World
from support.virtual_time import LoopClock, run_jumping

ROUNDS = int(os.environ.get("OUTDIAL_FORECAST_ROUNDS", "1"))
WITHIN = 0.10
WITHIN_OFTEN = 0.80
NEVER = 0.002
"""Forecasts that keep their word fail as seldom as that."""

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HISTORY = 120
RING_TIMEOUT = 4 * SECOND

BUSY, NO_ANSWER = Disposition.BUSY, Disposition.NO_ANSWER
AGAIN = RetryPolicy(
    (
        RetryRule(BUSY, FixedDelays((30 * SECOND, MINUTE))),
        RetryRule(NO_ANSWER, FixedDelays((90 * SECOND,))),
    )
)


def carrier_profile(seed: int) -> SimulationProfile:
    """Nothing of this is told to anybody but the carrier."""
    return SimulationProfile(
        seed=seed,
        request_latency_ms=Span(5, 20),
        setup_ms=Span(50, 200),
        ring_ms=Span(500, 2_500),
        talk_ms=Span(5_000 + 1_000 * (seed % 4), 18_000),
        answered_human=48 + seed % 5,
        answered_machine=14,
        busy=8 + 2 * (seed % 3),
        no_answer=16,
        rejected=6,
        failed=2,
        invalid_number=2,
    )


@dataclass(frozen=True)
class Account:
    """Batches side by side, and the limits that they share."""

    people: Sequence[int]
    slots: int = 1000
    throttle: ThrottleRule | None = None


PLAIN = {"max_concurrent_calls": 10}
CASES: Sequence[tuple[Account, dict[str, Any]]] = (
    (Account((110,)), PLAIN),
    (Account((110,)), {"max_concurrent_calls": 12, "retry_policy": AGAIN}),
    (Account((90, 90), slots=14), {}),
    (Account((80, 60), throttle=ThrottleRule(6, 8 * SECOND)), {}),
)


@dataclass(frozen=True)
class Promise:
    forecast: Forecast
    ended_at: datetime
    # Before anybody was called.
    is_of_launch: bool

    @property
    def is_in_range(self) -> bool:
        ends = self.forecast.ends
        assert ends.low is not None
        assert ends.high is not None
        return ends.low <= self.ended_at <= ends.high

    @property
    def error(self) -> float:
        """As a part of the time until the end; below zero for an end foretold too early."""
        point = self.forecast.ends.point
        assert point is not None
        return (point - self.ended_at) / (self.ended_at - self.forecast.at)


@dataclass
class Dialling:
    """A store with its engine, which dials."""

    world: World
    signals: InProcessSignals
    chances: SeededChances

    async def account(self, account: Account, number: int) -> tuple[AccountId, AgentId]:
        account_id = await self.world.new_account(account.slots)
        if account.throttle is not None:
            await self.world.store.throttles.create_throttle(
                account_id,
                ThrottleId(self.world.ids.new_id()),
                ThrottleFields("rate", (account.throttle,)),
            )
        return account_id, await self.world.new_agent(f"Ada {number}", account_id=account_id)

    async def batch(self, people: int, **values: Any) -> BatchId:
        batch_id = await self.world.batch(people, **values)
        self.signals.wake(Topic.CLAIM, Topic.WINDOW)
        return batch_id

    async def until(self, account_id: AccountId, batch_id: BatchId, waiting: int = -1) -> Batch:
        """Until the batch has ended, or no more than so many wait."""
        while True:
            batch = await self.world.store.batches.get_batch(account_id, batch_id)
            if batch.ended_at is not None or batch.counts.waiting <= waiting:
                return batch
            await asyncio.sleep(1)

    async def forecast(self, account_id: AccountId, batch_id: BatchId) -> Forecast:
        question = await self.world.store.forecasts.question(
            account_id, batch_id, timedelta(days=30)
        )
        return forecast(question, self.chances.new_chances())


@asynccontextmanager
async def dialling(folder: Path, seed: int) -> AsyncIterator[Dialling]:
    clock = LoopClock(asyncio.get_running_loop())
    ids, signals = UuidV7Ids(clock), InProcessSignals(clock)
    store = await open_store(f"sqlite:///{folder / f'{seed}.db'}", clock, ids, signals)
    reports = GatheredReports(signals)
    carrier = LocalSimulatedCarrier(carrier_profile(seed), reports, ids.new_id)
    carriers = CarrierRegistry(carrier)
    engine = Engine(
        store.dispatch,
        store.callbacks,
        store.retention,
        carriers.find,
        reports,
        clock,
        signals,
        quarantine=store.quarantine,
        queues=store.carrier_queues,
        is_alone=True,
    )
    await engine.start()
    world = World(store, clock, ids, AccountId(""), AgentId(""))  # type: ignore[arg-type]
    try:
        yield Dialling(world, signals, SeededChances(seed))
    finally:
        await engine.stop()
        await carriers.close()
        await store.close()


async def round_of(folder: Path, seed: int) -> list[Promise]:
    async with dialling(folder, seed) as d:
        owners = [await d.account(account, n) for n, (account, _) in enumerate(CASES)]
        await asyncio.gather(*(learn(d, *owner) for owner in owners))
        told = await asyncio.gather(
            *(
                promises(d, owner, account, values)
                for owner, (account, values) in zip(owners, CASES, strict=True)
            )
        )
        return [promise for of_account in told for promise in of_account]


async def learn(d: Dialling, account_id: AccountId, agent_id: AgentId) -> None:
    owned = {"account_id": account_id, "agent_id": agent_id, "ring_timeout": RING_TIMEOUT}
    await d.until(account_id, await d.batch(HISTORY, max_concurrent_calls=100, **owned))


async def promises(
    d: Dialling, owner: tuple[AccountId, AgentId], account: Account, values: dict[str, Any]
) -> list[Promise]:
    """Before the launch, and once more when half of the people have been called."""
    account_id, agent_id = owner
    throttle = "rate" if account.throttle else ""
    owned = {"account_id": account_id, "agent_id": agent_id, "ring_timeout": RING_TIMEOUT}
    settings = {**owned, "throttle": throttle, **values}
    batches = [await d.batch(people, **settings) for people in account.people]
    launch = [(batch_id, await d.forecast(account_id, batch_id)) for batch_id in batches]
    half_way = []
    for batch_id, people in zip(batches, account.people, strict=True):
        batch = await d.until(account_id, batch_id, waiting=people // 2)
        if batch.ended_at is None:
            half_way.append((batch_id, await d.forecast(account_id, batch_id)))
    ends = {batch_id: (await d.until(account_id, batch_id)).ended_at for batch_id in batches}
    return [
        Promise(found, ended_at, is_of_launch)
        for told, is_of_launch in ((launch, True), (half_way, False))
        for batch_id, found in told
        if (ended_at := ends[batch_id]) is not None
    ]


def as_seldom(hits: int, trials: int, rate: float) -> float:
    """How likely so few hits are, or fewer."""
    return sum(comb(trials, n) * rate**n * (1 - rate) ** (trials - n) for n in range(hits + 1))


@pytest.mark.slow
@pytest.mark.timeout(300 * ROUNDS)
def test_batches_end_when_forecasts_of_their_history_say(tmp_path: Path) -> None:
    told = [p for seed in range(ROUNDS) for p in run_jumping(round_of(tmp_path, seed))]
    in_range = sum(p.is_in_range for p in told)
    launches = [p.error for p in told if p.is_of_launch]
    near = sum(abs(error) <= WITHIN for error in launches)
    errors = " ".join(f"{error:+.3f}" for error in launches)
    seen = f"{in_range} of {len(told)} in range, {near} of {len(launches)} near: {errors}"
    print(seen)  # for the long form
    assert as_seldom(in_range, len(told), RANGE_PERCENT / 100) > NEVER, seen
    assert as_seldom(near, len(launches), WITHIN_OFTEN) > NEVER, seen
