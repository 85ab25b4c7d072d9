"""Two commits, then the request: claimed calls become SENDING, then their requests go."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import orjson
import structlog

from outdial_server.domain.errors import UnavailableError
from outdial_server.domain.medium import WEBHOOK_CARRIER
from outdial_server.domain.report import CallReport, Evidence, Fault, ReportKind
from outdial_server.domain.silence import LEASE, carrier_deadline
from outdial_server.engine.queues import ClaimedCalls
from outdial_server.ports.carrier import (
    THROTTLED,
    Accepted,
    Carrier,
    DialRequest,
    DialResult,
    FindCarrier,
    NotSent,
    Refused,
    Unclear,
)
from outdial_server.ports.clock import Clock
from outdial_server.ports.dispatch import ClaimedCall, DispatchStore
from outdial_server.ports.reports import ReportSink
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry

log = structlog.get_logger()

GROUP_MOST: Final = 500


class Dialer:
    def __init__(
        self,
        dispatch: DispatchStore,
        claimed: ClaimedCalls,
        find_carrier: FindCarrier,
        reports: ReportSink,
        clock: Clock,
        signals: Signals,
        lease: timedelta = LEASE,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._dispatch = dispatch
        self._claimed = claimed
        self._find_carrier = find_carrier
        self._reports = reports
        self._clock = clock
        self._signals = signals
        deadline = carrier_deadline(lease)
        self._deadline_seconds = deadline.total_seconds()
        # After SENDING a request must start this soon, or its answer could come behind the lease.
        self._latest_start = lease - deadline
        self._telemetry = telemetry
        self._requests: set[asyncio.Task[None]] = set()

    async def tick(self, now: datetime) -> datetime | None:
        if not self._claimed:
            return None
        taken: list[ClaimedCall] = []
        begun_at = now

        def take() -> Sequence[ClaimedCall]:
            # Before the transaction: this process may freeze inside it, and every moment
            # from here on counts against the lease that it gives.
            nonlocal begun_at
            begun_at = self._clock.now()
            taken.extend(self._claimed.take(GROUP_MOST))
            return taken

        try:
            sent = await self._dispatch.mark_sending(take)
        except BaseException:
            # Committed or not, nobody knows now; the fence tells at the next try, and a
            # call that did become SENDING is no longer CLAIMED and is left out there.
            self._claimed.put_back(taken)
            raise
        for call in sent.calls:
            self._let_go(call, begun_at)
        self._telemetry.dials_let_go(sent.calls, self._clock.now())
        if sent.given_back:
            self._telemetry.claims_given_back(sent.given_back)
            self._signals.wake(Topic.SETTLE, Topic.WINDOW, Topic.CLAIM)
        if sent.throttled:
            self._signals.wake(Topic.CLAIM)
        if self._claimed:
            self._signals.wake(Topic.SEND)
        return None

    async def finish(self) -> None:
        """Waits for the requests that are out; each ends by its deadline."""
        while self._requests:
            await asyncio.wait(self._requests)

    def _let_go(self, call: ClaimedCall, begun_at: datetime) -> None:
        request = asyncio.create_task(self._dial(call, begun_at), name="outdial-dial")
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)

    async def _dial(self, call: ClaimedCall, begun_at: datetime) -> None:
        result: DialResult
        evidence: Evidence | None = None
        carrier = await self._find(call)
        started_at = self._clock.now()
        if isinstance(carrier, NotSent):
            result = carrier
        elif started_at - begun_at > self._latest_start:
            # This process stood still in between. No byte has left, and none will.
            result = NotSent("TOO_LATE")
        else:
            result = await self._place(carrier, call)
            # What becomes of calls that others place says nothing of an account of ours.
            evidence = None if call.carrier == WEBHOOK_CARRIER else _evidence(result)
        self._reports.put(_report(call, result)._replace(evidence=evidence))
        self._telemetry.dial_ended(result, self._clock.now() - started_at)

    async def _find(self, call: ClaimedCall) -> Carrier | NotSent:
        try:
            found = await self._find_carrier(call.carrier, call.carrier_config)
        except UnavailableError:
            return NotSent("CREDENTIALS_UNREAD")
        return found or NotSent("CARRIER_NOT_CONFIGURED", timedelta(seconds=30))

    async def _place(self, carrier: Carrier, call: ClaimedCall) -> DialResult:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await carrier.place_call(_request(call))
        except TimeoutError:
            return Unclear("DEADLINE")
        except Exception:
            # An adapter's fault, after perhaps anything: only the carrier knows now.
            log.exception("dial.adapter_broken", carrier=call.carrier, call_id=call.call_id)
            return Unclear("ADAPTER_ERROR")


def _request(call: ClaimedCall) -> DialRequest:
    return DialRequest(
        call_id=call.call_id,
        account_id=call.account_id,
        batch_id=call.batch_id,
        address=call.address,
        caller_id=call.caller_id,
        ring_timeout=call.times.ring_timeout,
        max_duration=call.times.max_duration,
        template_context_json=call.template_context_json,
        metadata=orjson.loads(call.metadata_json) if call.metadata_json else {},
        join_url=call.texts.join_url if call.texts else "",
        params=call.carrier_params,
        webhook=call.webhook,
    )


def _evidence(result: DialResult) -> Evidence | None:
    match result:
        case NotSent(tells_of_carrier=False):
            return None
        case NotSent(reason):
            return Evidence.TOO_MUCH if reason == THROTTLED else Evidence.FAILS
        case Refused(_, fault):
            return Evidence.FAILS if fault is Fault.CONFIGURATION else Evidence.WORKS
        case Unclear():
            return Evidence.FAILS
        case Accepted():
            return Evidence.WORKS


def _report(call: ClaimedCall, result: DialResult) -> CallReport:
    match result:
        case Accepted(carrier_call_id):
            return CallReport(call.call_id, ReportKind.ACCEPTED, carrier_call_id, fence=call.fence)
        case NotSent(reason, retry_after):
            return CallReport(
                call.call_id,
                ReportKind.NOT_SENT,
                reason=reason,
                retry_after=retry_after,
                fence=call.fence,
            )
        case Refused(reason, fault, disposition, batch_rests):
            return CallReport(
                call.call_id,
                ReportKind.REFUSED,
                disposition=disposition,
                reason=reason,
                fault=fault,
                fence=call.fence,
                batch_rests=batch_rests,
            )
        case Unclear(reason, batch_rests):
            return CallReport(
                call.call_id,
                ReportKind.UNCLEAR,
                reason=reason,
                fence=call.fence,
                batch_rests=batch_rests,
            )
