"""Throttles and calls per second, as the carrier sees them come in."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from outdial_client import Client, NewBatch, NewCall
from support.processes import API_KEY, CarrierProcess, ServerProcess, requested_at_us

THROTTLED, FREE = 40, 120
SHORT = {"seed": 5, "ring_ms": "5-20", "talk_ms": "20-90", "request_latency_ms": "1-4"}
# Between a call's count and its request at the carrier, on a machine that is not starved.
GUARD = timedelta(milliseconds=50)
TICK_S = 0.002


@dataclass
class Starvation:
    """How long this machine lets a thread wait that has something to do."""

    longest_s: float = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self, over: threading.Event) -> None:
        before = time.monotonic()
        while not over.wait(TICK_S):
            now = time.monotonic()
            self.longest_s = max(self.longest_s, now - before - TICK_S)
            before = now

    @property
    def guard_us(self) -> int:
        return int(GUARD / timedelta(microseconds=1) + 2 * self.longest_s * 1_000_000)


def most_within(moments_us: list[int], window: timedelta, guard_us: int) -> int:
    """The most requests in any window that is shorter by the guard."""
    span_us = window // timedelta(microseconds=1) - guard_us
    ordered = sorted(moments_us)
    return max(
        sum(first <= moment < first + span_us for moment in ordered[place:])
        for place, first in enumerate(ordered)
    )


@pytest.mark.timeout(120)
async def test_no_window_is_exceeded_at_the_carrier(tmp_path: Path) -> None:
    """Two batches that share a throttle of two windows and the rate of a carrier config."""
    carrier = CarrierProcess(tmp_path, SHORT)
    await carrier.start()
    server = ServerProcess(tmp_path, f"sqlite:///{tmp_path / 'outdial.db'}", carrier)
    await server.start()
    starvation = Starvation()
    async with Client(server.address, api_key=API_KEY) as client:
        agent = await client.agents.create("Reminder")
        second, window = timedelta(seconds=1), timedelta(seconds=4)
        await client.throttles.create("slow", [(8, second), (20, window)])
        await client.carrier_configs.create("main", "simulated", calls_per_second=20)
        people = [NewCall(address=f"+1555{n:07d}") for n in range(THROTTLED + FREE)]
        batches = [
            await client.batches.create(
                NewBatch(
                    display_name="Reminders",
                    agent_id=agent.agent_id,
                    throttle=throttle,
                    carrier_config="main",
                ),
                listed,
            )
            for throttle, listed in (("slow", people[:THROTTLED]), ("", people[THROTTLED:]))
        ]
        with starvation.watched():
            for created in batches:
                await client.batches.wait_until_ended(created.batch.batch_id)
    await server.stop()
    await carrier.stop()
    moments = requested_at_us(carrier.log)
    assert len(moments) == len(people)
    assert most_within(moments, second, starvation.guard_us) <= 20
    slow = {call.address for call in people[:THROTTLED]}
    throttled = requested_at_us(carrier.log, lambda record: record["to"] in slow)
    assert len(throttled) == THROTTLED
    assert most_within(throttled, second, starvation.guard_us) <= 8
    assert most_within(throttled, window, starvation.guard_us) <= 20
