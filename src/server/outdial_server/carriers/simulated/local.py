"""The simulated carrier inside the server. Its calls live in memory: a restart forgets
them, and a look-up then says so."""

import asyncio
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from outdial_server.carriers.simulated.deliveries import deliveries
from outdial_server.carriers.simulated.playwright import Playwright
from outdial_server.carriers.simulated.profile import Mode, SimulationProfile
from outdial_server.carriers.simulated.script import CallScript, Fate
from outdial_server.carriers.simulated.status import report_of
from outdial_server.carriers.simulated.switch import PlacedCall, Switch
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.report import CallReport, Fault
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.carrier import (
    THROTTLED,
    Accepted,
    AccountFault,
    CallbackAnswer,
    CallQuery,
    DialRequest,
    DialResult,
    Found,
    ListedCall,
    LookUpResult,
    NoSuchCall,
    NotSent,
    RawCallback,
    Refused,
    Unclear,
)
from outdial_server.ports.reports import ReportSink

NAME: Final = "simulated"


class LocalSimulatedCarrier:
    """News of calls goes straight to the sink, without callbacks."""

    name = NAME

    def __init__(
        self,
        profile: SimulationProfile,
        reports: ReportSink,
        new_id: Callable[[], str],
        deadline: timedelta = CARRIER_DEADLINE,
    ) -> None:
        self._profile = profile
        self._deadline_seconds = deadline.total_seconds()
        self._reports = reports
        self._new_id = new_id
        self._playwright = Playwright()
        self._switch = Switch(profile, self._on_status)
        self._is_closed = False

    @property
    def default_calls_per_second(self) -> float | None:
        return self._profile.calls_per_second or None

    @property
    def over_rate(self) -> OverRate:
        is_queueing = self._profile.mode is Mode.QUEUEING
        return OverRate.QUEUES if is_queueing else OverRate.REFUSES

    async def place_call(self, request: DialRequest) -> DialResult:
        script = self._playwright.write(
            self._profile,
            request.call_id,
            request.address,
            request.ring_timeout,
            request.max_duration,
        )
        if not await self._answers_in_time(script):
            return Unclear("TIMEOUT")
        wait = self._switch.retry_after_seconds()
        if wait is not None:
            return NotSent(THROTTLED, timedelta(seconds=wait))
        carrier_call_id = self._ring(request, script)
        return _answer(script.fate, carrier_call_id)

    async def _answers_in_time(self, script: CallScript) -> bool:
        """Waits as long as an answer would take, and no longer than the deadline."""
        latency = script.latency_seconds if self._profile.answering else math.inf
        if latency > 0:
            await asyncio.sleep(min(latency, self._deadline_seconds))
        return latency <= self._deadline_seconds

    def _ring(self, request: DialRequest, script: CallScript) -> str:
        carrier_call_id = f"SIM{self._new_id()}"
        if script.fate.rings:
            self._switch.place(
                PlacedCall(carrier_call_id, request.call_id, request.address, script)
            )
        return carrier_call_id

    async def look_up(self, query: CallQuery) -> LookUpResult:
        call = self._find(query)
        return NoSuchCall() if call is None else Found(_report(call))

    async def hang_up(self, query: CallQuery, *, unless_answered: bool = False) -> bool:
        call = self._find(query)
        if call is not None and not (unless_answered and call.answered):
            self._switch.hang_up(call)
        return True

    def _find(self, query: CallQuery) -> PlacedCall | None:
        if query.carrier_call_id:
            return self._switch.find(query.carrier_call_id)
        return self._switch.find_ours(query.call_id)

    async def list_calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        """All that it has: they were placed by this process."""
        return [
            ListedCall(call.carrier_call_id, call.to, call.is_live, call.call_id)
            for call in self._switch.calls()
        ]

    async def check_account(self) -> AccountFault | None:
        """It has no accounts."""
        return None

    def verify_callback(self, callback: RawCallback) -> bool:
        """It has no callbacks, so none is its own."""
        return False

    def parse_callback(self, callback: RawCallback) -> tuple[CallReport, ...]:
        return ()

    def answer_callback(self, callback: RawCallback) -> CallbackAnswer | None:
        return None

    async def close(self) -> None:
        self._is_closed = True
        self._switch.close()

    def _on_status(self, call: PlacedCall) -> None:
        assert call.status is not None  # noqa: S101 a status was just taken
        report = _report(call)
        for seconds in deliveries(self._profile, call.call_id, call.status):
            if seconds:
                asyncio.get_running_loop().call_later(seconds, self._tell, report)
            else:
                self._tell(report)

    def _tell(self, report: CallReport) -> None:
        if not self._is_closed:
            self._reports.put(report)


def _report(call: PlacedCall) -> CallReport:
    return report_of(
        call.call_id, call.carrier_call_id, call.status, call.disposition, rang=call.rang
    )


def _answer(fate: Fate, carrier_call_id: str) -> DialResult:
    """What the server is told. A time-out comes at once here: nothing is gained by
    waiting for it in one's own memory."""
    match fate:
        case Fate.TAKEN:
            return Accepted(carrier_call_id)
        case Fate.INVALID_NUMBER:
            return Refused("INVALID_NUMBER", Fault.CALL, Disposition.INVALID_NUMBER)
        case Fate.THROTTLED:
            return NotSent(THROTTLED, timedelta(seconds=1))
        case Fate.UNAUTHORIZED:
            return Refused("UNAUTHORIZED", Fault.CONFIGURATION)
        case Fate.ERROR | Fate.ERROR_PLACED:
            return Unclear("HTTP_500")
        case Fate.TIMEOUT | Fate.TIMEOUT_PLACED:
            return Unclear("TIMEOUT")
        case Fate.RESET | Fate.RESET_PLACED:
            return Unclear("CONNECTION_RESET")
