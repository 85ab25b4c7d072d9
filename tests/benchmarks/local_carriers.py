"""Carriers in the server's process that do no work: they wait, and they judge."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from typing_extensions import override

from benchmarks.lists import CARRIER
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.ports.carrier import (
    Accepted,
    AccountFault,
    CallbackAnswer,
    CallQuery,
    DialRequest,
    DialResult,
    LookUpFailed,
    LookUpResult,
    RawCallback,
)
from outdial_server.ports.reports import ReportSink

INSTANT_MOST_SECONDS = 0.002


@dataclass(slots=True)
class SeenCalls:
    """What a carrier saw; moments are of the clock that all processes share."""

    addresses: list[str] = field(default_factory=list)
    # When phones became busy, and when free.
    busy_at: list[float] = field(default_factory=list)
    free_at: list[float] = field(default_factory=list)

    def add(self, other: "SeenCalls") -> None:
        self.addresses += other.addresses
        self.busy_at += other.busy_at
        self.free_at += other.free_at

    @property
    def most_at_once(self) -> int:
        busy, free = ((at, 1) for at in self.busy_at), ((at, -1) for at in self.free_at)
        return max(accumulate(step for _, step in sorted([*busy, *free])))


class LocalCarrier:
    """Remembers what it saw, for whoever judges."""

    name = CARRIER
    default_calls_per_second: float | None = None
    over_rate = OverRate.REFUSES

    def __init__(self, reports: ReportSink, on_request: Callable[[], None], seed: int) -> None:
        self._reports = reports
        self._on_request = on_request
        self._random = Random(seed)
        self.seen = SeenCalls()

    async def place_call(self, request: DialRequest) -> DialResult:
        self._on_request()
        self.seen.addresses.append(request.address)
        self.seen.busy_at.append(time.perf_counter())
        await self._take(request)
        return Accepted(f"L{request.address}")

    async def _take(self, request: DialRequest) -> None:
        """Until the request is answered; what follows is timed from there."""
        raise NotImplementedError

    def _end(self, call_id: CallId) -> None:
        self.seen.free_at.append(time.perf_counter())
        disposition = Disposition.ANSWERED_HUMAN
        self._reports.put(CallReport(call_id, ReportKind.ENDED, disposition=disposition))

    async def look_up(self, query: CallQuery) -> LookUpResult:
        return LookUpFailed("NOT_ASKED")

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        return True

    async def check_account(self) -> AccountFault | None:
        return None

    def verify_callback(self, callback: RawCallback) -> bool:
        return False

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        return ()

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        return None


class InstantCarrier(LocalCarrier):
    """Accepts, answers and ends each call, with a random 0 to 2 ms before each. One that
    answers at once would run in lockstep with the loops, and flatter them."""

    @override
    async def _take(self, request: DialRequest) -> None:
        await asyncio.sleep(self._wait())
        asyncio.get_running_loop().call_later(self._wait(), self._answer, request.call_id)

    def _answer(self, call_id: CallId) -> None:
        self._reports.put(CallReport(call_id, ReportKind.ANSWERED))
        asyncio.get_running_loop().call_later(self._wait(), self._end, call_id)

    def _wait(self) -> float:
        return self._random.uniform(0, INSTANT_MOST_SECONDS)


class TimedCarrier(LocalCarrier):
    """Every call lasts as long; the first in each slot less, so that they end one by one."""

    def __init__(
        self,
        reports: ReportSink,
        on_request: Callable[[], None],
        seed: int,
        seconds: float,
        slots: int,
    ) -> None:
        super().__init__(reports, on_request, seed)
        self._seconds = seconds
        self._slots = slots

    @override
    async def _take(self, request: DialRequest) -> None:
        is_first = len(self.seen.busy_at) <= self._slots
        share = self._random.random() if is_first else 1.0
        asyncio.get_running_loop().call_later(share * self._seconds, self._end, request.call_id)
