"""A carrier in the server's process that does nothing but wait a moment before each status.
One that answers at once would run in lockstep with the loops, and flatter them."""

import asyncio
from collections.abc import Callable
from random import Random

from benchmarks.lists import CARRIER
from outdial_server.domain.call import Disposition
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.ports.carrier import (
    Accepted,
    CallQuery,
    DialRequest,
    DialResult,
    LookUpFailed,
    LookUpResult,
    RawCallback,
)
from outdial_server.ports.reports import ReportSink

MOST_SECONDS = 0.002


class InstantCarrier:
    """Accepts, answers and ends each call, with 0 to 2 ms before each. It judges as well:
    who was dialled, and how many phones were busy at once."""

    def __init__(self, reports: ReportSink, on_request: Callable[[], None], seed: int) -> None:
        self._reports = reports
        self._on_request = on_request
        self._random = Random(seed)
        self.dialled: list[str] = []
        self.live = 0
        self.live_most = 0

    @property
    def name(self) -> str:
        return CARRIER

    async def place_call(self, request: DialRequest) -> DialResult:
        self._on_request()
        self.dialled.append(request.address)
        self.live += 1
        self.live_most = max(self.live_most, self.live)
        await asyncio.sleep(self._wait())
        asyncio.get_running_loop().call_later(self._wait(), self._answer, request)
        return Accepted(f"I{len(self.dialled)}")

    def _answer(self, request: DialRequest) -> None:
        self._reports.put(CallReport(request.call_id, ReportKind.ANSWERED))
        asyncio.get_running_loop().call_later(self._wait(), self._end, request)

    def _end(self, request: DialRequest) -> None:
        self.live -= 1
        disposition = Disposition.ANSWERED_HUMAN
        self._reports.put(CallReport(request.call_id, ReportKind.ENDED, disposition=disposition))

    def _wait(self) -> float:
        return self._random.uniform(0, MOST_SECONDS)

    async def look_up(self, query: CallQuery) -> LookUpResult:
        return LookUpFailed("NOT_ASKED")

    async def hang_up(self, query: CallQuery) -> bool:
        return True

    def verify_callback(self, callback: RawCallback) -> bool:
        return False

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        return ()

    async def close(self) -> None:
        return None
