"""Calls that a carrier has taken and not dialled yet: what its queue tells, and whether they may
still ring."""

from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.calling_hours import next_opening
from outdial_server.domain.gates import clock_gates
from outdial_server.domain.report import CallReport, ReportKind

QUEUED_AFTER: Final = timedelta(seconds=10)
"""A call that was taken so long ago and has not rung waits in the carrier's queue, where it has
one."""

RECALL_AGAIN_AFTER: Final = timedelta(seconds=30)
"""When a carrier is asked once more to drop a call."""

RECALLED: Final = "RECALLED"


def on_record(report: CallReport) -> CallReport:
    """What a carrier answers of a call when it is asked. A phone has rung unless the record of
    a call that has ended says that none has."""
    is_silent = report.kind is ReportKind.ENDED and report.rang is None
    return report._replace(rang=True) if is_silent else report


def may_ring(batch: Batch, zone: str, now: datetime) -> bool:
    """Whether a call of the batch, to somebody who is called by `zone`, would be dialled now
    if it had to be decided anew: the batch runs, and its window and the hours are open."""
    if batch.state is not BatchState.RUNNING or batch.deleted_at is not None:
        return False
    if not all(gate.is_open for gate in clock_gates(batch, now)):
        return False
    hours = batch.settings.calling_hours
    return hours is None or next_opening(hours, zone, now).opens_at <= now
