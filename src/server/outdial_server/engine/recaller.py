"""Watches the queues of carriers: calls that have waited there until they may not ring any more
are taken back, and an account that keeps calls waiting is given fewer."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from outdial_server.domain.errors import UnavailableError
from outdial_server.domain.recall import on_record
from outdial_server.domain.report import ReportKind
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.carrier import Carrier, FindCarrier, Found
from outdial_server.ports.carrier_queues import CarrierQueueStore, QueuedCall
from outdial_server.ports.reports import ReportSink
from outdial_server.ports.signals import Signals, Topic

log = structlog.get_logger()

LOOKED_AT_MOST: Final = 500
"""Of the calls that may be queued, for those that are to be asked about."""

GROUP_MOST: Final = 50
"""All at once, so that a tick takes three deadlines at the most."""


class Recaller:
    def __init__(
        self,
        queues: CarrierQueueStore,
        find_carrier: FindCarrier,
        reports: ReportSink,
        signals: Signals,
        carriers: Collection[str],
        carrier_deadline: timedelta = CARRIER_DEADLINE,
    ) -> None:
        """`carriers` are the names of those that queue."""
        self._queues = queues
        self._find_carrier = find_carrier
        self._reports = reports
        self._signals = signals
        self._carriers = carriers
        self._deadline_seconds = carrier_deadline.total_seconds()

    async def tick(self, now: datetime) -> datetime | None:
        if not self._carriers:
            return None
        queued = await self._queues.queued_calls(self._carriers, LOOKED_AT_MOST)
        asked = _to_ask(queued)
        await asyncio.gather(*(self._ask(call) for call in asked))
        # Those that were recalled are asked about again by the next sweep.
        if len(asked) == GROUP_MOST and not asked[-1].is_recalled:
            self._signals.wake(Topic.RECALL)
        return None

    async def _ask(self, call: QueuedCall) -> None:
        """What it does by its carrier's own record: a callback may be late, or lost. Whoever
        does not answer is asked again by the next sweep."""
        try:
            async with asyncio.timeout(3 * self._deadline_seconds):
                carrier = await self._find_carrier(call.carrier, call.carrier_config)
                if carrier is not None:
                    await self._judge(carrier, call)
        except (TimeoutError, UnavailableError):
            pass
        except Exception:
            log.exception("recall.broken", carrier=call.carrier, call_id=call.query.call_id)

    async def _judge(self, carrier: Carrier, call: QueuedCall) -> None:
        if not await self._waits(carrier, call) or call.is_recalled:
            return
        if not call.is_unwanted:
            await self._queues.note_queue(call)
            return
        # Noted first: the end may be told before the request is answered.
        await self._queues.note_recall(call)
        await carrier.hang_up(call.query, unless_answered=True)
        # Only the record that is left tells whether its phone rang in between.
        await self._waits(carrier, call)

    async def _waits(self, carrier: Carrier, call: QueuedCall) -> bool:
        """Whether it is in the queue, by the carrier's record; what else that says is reported."""
        found = await carrier.look_up(call.query)
        if not isinstance(found, Found) or found.report is None:
            return False
        if found.report.kind is ReportKind.ACCEPTED:
            return True
        self._reports.put(on_record(found.report))
        return False


def _to_ask(queued: Sequence[QueuedCall]) -> list[QueuedCall]:
    """All that are not to ring, those that were recalled last; and of the others the one of each
    account that has waited longest: it tells whether there is a queue."""
    recalled = [call for call in queued if call.is_recalled]
    unwanted = [call for call in queued if call.is_unwanted and not call.is_recalled]
    longest = {
        (call.carrier, call.carrier_config): call
        for call in reversed(queued)
        if not (call.is_unwanted or call.is_recalled) and call.carrier_config is not None
    }
    return [*longest.values(), *unwanted, *recalled][:GROUP_MOST]
