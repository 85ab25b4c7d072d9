"""What Telnyx says of a call, in webhooks and in its record of them, as reports."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from outdial_server.carriers.sip_codes import SIP_ENDS
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, ReportKind, in_order


class TelnyxEvent(NamedTuple):
    name: str
    payload: Mapping[str, object]

    @property
    def carrier_call_id(self) -> str:
        return self.text("call_control_id")

    def text(self, name: str) -> str:
        found = self.payload.get(name)
        return found if isinstance(found, str) else ""


_MACHINES: Final = frozenset(
    {
        ("call.machine.detection.ended", "machine"),
        ("call.machine.premium.detection.ended", "machine"),
        ("call.machine.premium.detection.ended", "fax_detected"),
        # A beep may come before the verdict, which is then left out.
        ("call.machine.greeting.ended", "beep_detected"),
        ("call.machine.premium.greeting.ended", "beep_detected"),
    }
)

_ENDS: Final = {
    "normal_clearing": Disposition.ANSWERED_HUMAN,
    "time_limit": Disposition.ANSWERED_HUMAN,
    "originator_cancel": Disposition.CANCELLED,
    "timeout": Disposition.NO_ANSWER,
    "no_answer": Disposition.NO_ANSWER,
    "user_busy": Disposition.BUSY,
    "not_found": Disposition.INVALID_NUMBER,
}
_BY_SIP_CODE: Final = ("call_rejected", "unspecified")


def report_of(call_id: CallId, event: TelnyxEvent) -> CallReport | None:
    """None for one that does not move the call."""
    if event.name == "call.hangup":
        return _end(call_id, event)
    if event.name == "call.initiated":
        # The last word before the answer: Telnyx does not say when the phone itself rings.
        return CallReport(call_id, ReportKind.RINGING, event.carrier_call_id)
    if event.name == "call.answered":
        return CallReport(call_id, ReportKind.ANSWERED, event.carrier_call_id)
    if (event.name, event.text("result")) in _MACHINES:
        machine = Disposition.ANSWERED_MACHINE
        return CallReport(call_id, ReportKind.ANSWERED, event.carrier_call_id, machine)
    return None


def latest_report(call_id: CallId, events: Iterable[TelnyxEvent]) -> CallReport | None:
    """How a call stands after all of these, in whatever order they are."""
    reports = [report for event in events if (report := report_of(call_id, event)) is not None]
    if not reports:
        return None
    latest = in_order(reports)[-1]
    if latest.kind is ReportKind.ENDED and latest.disposition in _MAYBE_ANSWERED:
        return latest._replace(disposition=_who_answered(reports, latest.disposition))
    return latest


_MAYBE_ANSWERED: Final = (None, Disposition.ANSWERED_HUMAN)


def _who_answered(
    reports: Iterable[CallReport], disposition: Disposition | None
) -> Disposition | None:
    answers = [report.disposition for report in reports if report.kind is ReportKind.ANSWERED]
    if Disposition.ANSWERED_MACHINE in answers:
        return Disposition.ANSWERED_MACHINE
    return Disposition.ANSWERED_HUMAN if answers else disposition


def _end(call_id: CallId, event: TelnyxEvent) -> CallReport:
    cause, sip_code = event.text("hangup_cause"), event.text("sip_hangup_cause")
    return CallReport(
        call_id,
        ReportKind.ENDED,
        event.carrier_call_id,
        _disposition(cause, sip_code),
        _reason(cause, sip_code),
    )


def _disposition(cause: str, sip_code: str) -> Disposition | None:
    """None leaves it to whether the call was answered."""
    if cause == "normal_clearing" and sip_code == _REQUEST_TERMINATED:
        return Disposition.CANCELLED
    if cause not in _BY_SIP_CODE:
        return _ENDS.get(cause)
    if sip_code in SIP_ENDS:
        return SIP_ENDS[sip_code]
    if sip_code.isdigit():
        # Such as 403: the channels or the rate of the account, not the person.
        return Disposition.FAILED
    return Disposition.REJECTED if cause == "call_rejected" else None


_REQUEST_TERMINATED: Final = "487"


def _reason(cause: str, sip_code: str) -> str:
    name = cause.upper()
    return f"{name}_SIP_{sip_code}" if sip_code.isdigit() and cause in _BY_SIP_CODE else name
