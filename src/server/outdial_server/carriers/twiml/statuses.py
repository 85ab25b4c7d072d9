"""What is said of a call, in callbacks and in the carrier's own records, as a report."""

from collections.abc import Mapping
from typing import Final

from outdial_server.carriers.sip_codes import SIP_ENDS
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind

_KINDS: Final = {
    "queued": ReportKind.ACCEPTED,
    "initiated": ReportKind.ACCEPTED,
    "ringing": ReportKind.RINGING,
    "in-progress": ReportKind.ANSWERED,
}

_ENDS: Final = {
    "completed": Disposition.ANSWERED_HUMAN,
    "busy": Disposition.BUSY,
    "no-answer": Disposition.NO_ANSWER,
    "canceled": Disposition.CANCELLED,
    "failed": Disposition.FAILED,
}

_MACHINES: Final = ("machine", "fax")


def report_of_callback(call_id: CallId, told: Mapping[str, str], sip_code: str) -> CallReport:
    """`sip_code` names what holds the code of the call's last answer. Raises ValueError for a
    status that there is not."""
    return _report(
        call_id,
        told["CallSid"],
        told.get("CallStatus", ""),
        told.get("AnsweredBy", ""),
        told.get(sip_code, ""),
    )


def report_of_hearing(call_id: CallId, told: Mapping[str, str]) -> CallReport | None:
    """None for a person, whom the call is for anyway."""
    if not told.get("AnsweredBy", "").startswith(_MACHINES):
        return None
    machine = Disposition.ANSWERED_MACHINE
    return CallReport(call_id, ReportKind.ANSWERED, told["CallSid"], machine)


def report_of_resource(call_id: CallId, resource: Mapping[str, object]) -> CallReport:
    """A call as `GET` shows it. Raises ValueError for what is none."""
    sid, status = resource.get("sid"), resource.get("status")
    if not isinstance(sid, str) or not isinstance(status, str):
        raise ValueError("not a call")
    answered_by = resource.get("answered_by")
    report = _report(call_id, sid, status, answered_by if isinstance(answered_by, str) else "")
    # Null in a record of which no phone was dialled.
    return report._replace(rang=bool(resource["start_time"]) if "start_time" in resource else None)


def _report(
    call_id: CallId, sid: str, status: str, answered_by: str = "", sip_code: str = ""
) -> CallReport:
    if status in _KINDS:
        return CallReport(call_id, _KINDS[status], sid)
    if status not in _ENDS:
        raise ValueError(f"no status of a call: {status!r}")
    disposition = _disposition(status, answered_by, sip_code)
    return CallReport(call_id, ReportKind.ENDED, sid, disposition, _reason(status, sip_code))


def _disposition(status: str, answered_by: str, sip_code: str) -> Disposition:
    if status == "completed" and answered_by.startswith(_MACHINES):
        return Disposition.ANSWERED_MACHINE
    # A call that failed says why in the code of its last answer.
    if status in ("failed", "busy") and sip_code in SIP_ENDS:
        return SIP_ENDS[sip_code]
    return _ENDS[status]


def _reason(status: str, sip_code: str) -> str:
    name = status.replace("-", "_").upper()
    return f"{name}_SIP_{sip_code}" if sip_code and status != "completed" else name
