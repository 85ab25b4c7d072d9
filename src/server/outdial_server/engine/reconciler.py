"""Looks silent and unknown calls up at their carriers."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from outdial_server.domain.errors import UnavailableError
from outdial_server.domain.recall import on_record
from outdial_server.domain.reconciliation import Sighting, Silence, Verdict, judge
from outdial_server.domain.silence import CARRIER_DEADLINE, NOT_FOUND_FINAL_AFTER
from outdial_server.ports.carrier import (
    CallQuery,
    FindCarrier,
    Found,
    LookUpFailed,
    LookUpResult,
    NobodyToAsk,
    NoSuchCall,
)
from outdial_server.ports.dispatch import DispatchStore, SilentCall
from outdial_server.ports.reports import ReportSink
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry

log = structlog.get_logger()

GROUP_MOST: Final = 50
"""All at once, so that a tick takes one deadline at the most, and so does a stop."""


class Reconciler:
    def __init__(
        self,
        dispatch: DispatchStore,
        find_carrier: FindCarrier,
        reports: ReportSink,
        signals: Signals,
        not_found_final_after: timedelta = NOT_FOUND_FINAL_AFTER,
        carrier_deadline: timedelta = CARRIER_DEADLINE,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._dispatch = dispatch
        self._find_carrier = find_carrier
        self._reports = reports
        self._signals = signals
        self._not_found_final_after = not_found_final_after
        self._deadline_seconds = carrier_deadline.total_seconds()
        self._telemetry = telemetry

    async def tick(self, now: datetime) -> datetime | None:
        silent = await self._dispatch.silent_calls(GROUP_MOST)
        if not silent.calls:
            return silent.next_at
        verdicts = await asyncio.gather(
            *(self._judge(call, silent.read_at) for call in silent.calls)
        )
        # Before the reports: a call that does not move on must not be asked for at once.
        await self._dispatch.postpone(
            [(c.call_id, v.look_again_at) for c, v in zip(silent.calls, verdicts, strict=True)]
        )
        for verdict in verdicts:
            if verdict.report is not None:
                self._reports.put(verdict.report)
        if len(silent.calls) == GROUP_MOST:
            self._signals.wake(Topic.RECONCILE)
        moments = [verdict.look_again_at for verdict in verdicts]
        return min([*moments, silent.next_at] if silent.next_at else moments)

    async def _judge(self, call: SilentCall, now: datetime) -> Verdict:
        """`now` is the store's, like the call's own times: two clocks must not be compared."""
        result = await self._look_up(call)
        sighting = _sighting(result)
        self._telemetry.looked_up(sighting)
        seen = None
        if isinstance(result, Found) and result.report is not None:
            seen = on_record(result.report)
        silence = Silence(
            call.call_id,
            call.state,
            call.unknown_policy,
            call.times,
            call.sent_at,
            call.lookups,
        )
        return judge(silence, sighting, seen, now, self._not_found_final_after)

    async def _look_up(self, call: SilentCall) -> LookUpResult:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                carrier = await self._find_carrier(call.carrier, call.carrier_config)
                if carrier is None:
                    return LookUpFailed("CARRIER_NOT_CONFIGURED")
                return await carrier.look_up(
                    CallQuery(
                        call.call_id,
                        call.carrier_call_id,
                        call.address,
                        call.caller_id,
                        call.sent_at,
                    )
                )
        except TimeoutError:
            return LookUpFailed("DEADLINE")
        except UnavailableError:
            return LookUpFailed("CREDENTIALS_UNREAD")
        except Exception:
            log.exception("reconcile.adapter_broken", carrier=call.carrier, call_id=call.call_id)
            return LookUpFailed("ADAPTER_ERROR")


def _sighting(result: LookUpResult) -> Sighting:
    match result:
        case Found():
            return Sighting.FOUND
        case NoSuchCall():
            return Sighting.NO_SUCH_CALL
        case LookUpFailed():
            return Sighting.NO_ANSWER
        case NobodyToAsk():
            return Sighting.NOBODY_TO_ASK
