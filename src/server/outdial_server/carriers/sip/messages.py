"""What the server and its SIP worker say to each other: JSON, one object a line."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Final

import orjson

from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.ports.carrier import Accepted, DialResult, NotSent, Refused, Unclear

LINE_MOST_BYTES: Final = 256 * 1024
"""Of what is read; a callee's SDP goes through no line."""

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Party:
    """Where one leg goes, and as whom: `address` is an IPv4 address that was checked."""

    uri: str
    address: str
    port: int
    from_user: str
    from_host: str
    from_name: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    call_id: str
    carrier_config: str
    callee: Party
    agent: Party
    ring_seconds: float
    max_seconds: float
    verdict_seconds: float
    agent_first: bool


@dataclass(frozen=True, slots=True)
class HangUpOrder:
    call_id: str


@dataclass(frozen=True, slots=True)
class LookUpOrder:
    call_id: str


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """An OPTIONS, answered to a challenge."""

    party: Party
    seconds: float


@dataclass(frozen=True, slots=True)
class StopOrder:
    """Hangs everything up, and ends the worker."""


Order = PlaceOrder | HangUpOrder | LookUpOrder | CheckOrder | StopOrder

_ORDERS: Final = {
    kind.__name__: kind for kind in (PlaceOrder, HangUpOrder, LookUpOrder, CheckOrder, StopOrder)
}


def order_line(reference: int, order: Order) -> bytes:
    return line({"order": type(order).__name__, "reference": reference, "of": asdict(order)})


def order_in(text: bytes) -> tuple[int, Order]:
    message = orjson.loads(text)
    fields = message["of"]
    for name in ("callee", "agent", "party"):
        if name in fields:
            fields[name] = Party(**fields[name])
    return message["reference"], _ORDERS[message["order"]](**fields)


def line(message: Message) -> bytes:
    return orjson.dumps(message) + b"\n"


# --- answers to orders

_RESULTS: Final = {kind.__name__: kind for kind in (Accepted, NotSent, Refused, Unclear)}


def dial_result_to_json(result: DialResult) -> Message:
    told: dict[str, Any] = {"result": type(result).__name__}
    match result:
        case Accepted(carrier_call_id):
            return told | {"carrier_call_id": carrier_call_id}
        case NotSent(reason, retry_after, tells_of_carrier):
            seconds = None if retry_after is None else retry_after.total_seconds()
            return told | {
                "reason": reason,
                "retry_after": seconds,
                "tells_of_carrier": tells_of_carrier,
            }
        case Refused(reason, fault, disposition):
            return told | {"reason": reason, "fault": fault, "disposition": disposition}
        case Unclear(reason):
            return told | {"reason": reason}


def dial_result_in(message: Message) -> DialResult:
    fields = {name: value for name, value in message.items() if name != "result"}
    if fields.get("retry_after") is not None:
        fields["retry_after"] = timedelta(seconds=fields["retry_after"])
    if "fault" in fields:
        fields["fault"] = Fault(fields["fault"])
        fields["disposition"] = Disposition(fields["disposition"])
    found: DialResult = _RESULTS[message["result"]](**fields)
    return found


# --- news of calls


def report_to_json(report: CallReport) -> Message:
    return {
        "call_id": report.call_id,
        "kind": report.kind,
        "carrier_call_id": report.carrier_call_id,
        "disposition": report.disposition,
        "reason": report.reason,
    }


def report_in(message: Message) -> CallReport:
    """Raises ValueError for what is none."""
    try:
        disposition = message["disposition"]
        return CallReport(
            CallId(message["call_id"]),
            ReportKind(message["kind"]),
            message["carrier_call_id"],
            None if disposition is None else Disposition(disposition),
            message["reason"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not a report") from error
