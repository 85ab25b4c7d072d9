"""What Plivo says of a call, in callbacks and in its own records, as a report."""

from collections.abc import Mapping
from typing import Final

from outdial_server.carriers.plivo.create import ANSWER, HANGUP, MACHINE, RING
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind

IN_PROGRESS: Final = "in-progress"

_LIVE: Final = {
    "queued": ReportKind.ACCEPTED,
    "initiated": ReportKind.ACCEPTED,
    "early": ReportKind.RINGING,
    "ringing": ReportKind.RINGING,
    IN_PROGRESS: ReportKind.ANSWERED,
}

_ENDS: Final = {
    **dict.fromkeys(("4000", "4010", "4020", "4030"), Disposition.ANSWERED_HUMAN),
    "1000": Disposition.CANCELLED,
    # No such number; out of service; one that is not to be called (premium).
    **dict.fromkeys(("2000", "2010", "2040"), Disposition.INVALID_NUMBER),
    "3000": Disposition.NO_ANSWER,
    "3010": Disposition.BUSY,
    "3020": Disposition.REJECTED,
}

_BY_STATUS: Final = {
    "completed": Disposition.ANSWERED_HUMAN,
    "busy": Disposition.BUSY,
    "timeout": Disposition.NO_ANSWER,
    "no-answer": Disposition.NO_ANSWER,
    "cancel": Disposition.CANCELLED,
}


def report_of_callback(call_id: CallId, what: str, told: Mapping[str, str]) -> CallReport | None:
    """None for what moves nothing. Raises ValueError for what there is not."""
    carrier_call_id = told.get("RequestUUID") or told["CallUUID"]
    if what == RING:
        return CallReport(call_id, ReportKind.RINGING, carrier_call_id)
    if what == ANSWER:
        return CallReport(call_id, ReportKind.ANSWERED, carrier_call_id)
    if what == MACHINE:
        if told.get("Machine", "").lower() != "true":
            return None
        machine = Disposition.ANSWERED_MACHINE
        return CallReport(call_id, ReportKind.ANSWERED, carrier_call_id, machine)
    if what != HANGUP:
        raise ValueError(f"nothing of a call is told at {what!r}")
    code, status = told.get("HangupCauseCode", ""), told.get("CallStatus", "")
    return _end(call_id, carrier_call_id, code, status)


def report_of_live(call_id: CallId, carrier_call_id: str, status: str) -> CallReport:
    """Of a call that is queued or goes on. Raises ValueError for a status that there is not."""
    if status not in _LIVE:
        raise ValueError(f"no status of a live call: {status!r}")
    return CallReport(call_id, _LIVE[status], carrier_call_id)


def report_of_record(
    call_id: CallId, carrier_call_id: str, record: Mapping[str, object]
) -> CallReport:
    """Of a call that has ended."""
    code = record.get("hangup_cause_code")
    status = "completed" if record.get("answer_time") else ""
    return _end(call_id, carrier_call_id, "" if code is None else str(code), status)


def _end(call_id: CallId, carrier_call_id: str, code: str, status: str) -> CallReport:
    return CallReport(
        call_id,
        ReportKind.ENDED,
        carrier_call_id,
        _disposition(code, status),
        f"PLIVO_{code}" if code else status.replace("-", "_").upper(),
    )


def _disposition(code: str, status: str) -> Disposition:
    """By the code, which is the finer one; of another one by the status: whether somebody had
    answered before the network failed."""
    if code in _ENDS:
        return _ENDS[code]
    return _BY_STATUS.get(status, Disposition.FAILED)
