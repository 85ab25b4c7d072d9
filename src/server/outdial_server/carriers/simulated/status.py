"""The simulated carrier's statuses as reports."""

from typing import Final

from outdial_server.carriers.simulated.script import Status
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind

KIND_OF: Final = {
    None: ReportKind.ACCEPTED,
    Status.RINGING: ReportKind.RINGING,
    Status.ANSWERED: ReportKind.ANSWERED,
    Status.ENDED: ReportKind.ENDED,
}
"""A call without a status is queued: accepted, and not ringing yet."""


def report_of(
    call_id: str,
    carrier_call_id: str,
    status: Status | None,
    disposition: Disposition | None,
    *,
    rang: bool | None = None,
) -> CallReport:
    return CallReport(
        CallId(call_id),
        KIND_OF[status],
        carrier_call_id=carrier_call_id,
        disposition=disposition if status is Status.ENDED else None,
        reason="" if disposition is None else disposition.name,
        rang=rang if status is Status.ENDED else None,
    )
