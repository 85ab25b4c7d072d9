"""What TeXML's adapter says and hears, held against Telnyx's own description."""

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from outdial_server.carriers.telnyx.account import TelnyxAccount
from outdial_server.carriers.telnyx.create import known_refusal
from outdial_server.carriers.telnyx.texml_create import create_body
from outdial_server.carriers.telnyx.texml_params import ALLOWED, OURS, documented
from outdial_server.carriers.twiml.statuses import report_of_callback, report_of_hearing
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.outgoing.answer import Answer
from outdial_server.ports.carrier import Refused
from support.requests import REQUEST, a_request
from support.specs import spec

PUBLIC_KEY = b64encode(bytes(32)).decode()
ACCOUNT = TelnyxAccount("KEY", "1293384261075731461", PUBLIC_KEY, texml_account_sid="acc-1")
DETECTING = TelnyxAccount(
    "KEY", "1293384261075731461", PUBLIC_KEY, detect_machines=True, texml_account_sid="acc-1"
)
CALLBACK_URL = "https://dial.example.net/callbacks/telnyx/config/secret/ours"
SID = "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ"


def body(account: TelnyxAccount = ACCOUNT, **changes: object) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(create_body(account, a_request(**changes), CALLBACK_URL))
    return told


def test_a_request_says_all_that_telnyx_needs() -> None:
    asked = body()
    stream = ET.fromstring(asked.pop("Texml")).find("Connect/Stream")  # noqa: S314 our own
    assert stream is not None
    assert stream.attrib == {"url": REQUEST.join_url, "bidirectionalMode": "rtp"}
    parameter = stream.find("Parameter")
    assert parameter is not None
    assert parameter.attrib == {"name": "call_id", "value": "ours"}
    assert asked == {
        "ApplicationSid": "1293384261075731461",
        "To": "+15551230001",
        "From": "+15551230000",
        "StatusCallback": CALLBACK_URL,
        "StatusCallbackMethod": "POST",
        "StatusCallbackEvent": "initiated ringing answered completed",
        "Timeout": 30,
        "TimeLimit": 600,
    }


def test_an_agent_with_a_page_answers_with_its_own_texml() -> None:
    asked = body(join_url="https://agent.example.net/texml")
    assert (asked["Url"], asked["UrlMethod"]) == ("https://agent.example.net/texml", "POST")
    assert "Texml" not in asked


@pytest.mark.parametrize(
    ("ring", "talk", "says"),
    [
        (timedelta(seconds=5.2), timedelta(seconds=30.5), (6, 31)),
        (timedelta(seconds=1), timedelta(seconds=1), (5, 30)),
        (timedelta(hours=1), timedelta(hours=9), (120, 14_400)),
    ],
)
def test_times_are_rounded_up_and_within_what_telnyx_takes(
    ring: timedelta, talk: timedelta, says: tuple[int, int]
) -> None:
    asked = body(ring_timeout=ring, max_duration=talk)
    assert (asked["Timeout"], asked["TimeLimit"]) == says


@pytest.mark.parametrize(
    ("account", "params", "says"),
    [
        (DETECTING, {}, ("Enable", True)),
        (DETECTING, {"machine_detection": "DetectMessageEnd"}, ("DetectMessageEnd", True)),
        (ACCOUNT, {"MachineDetection": "Enable", "asyncAmd": False}, ("Enable", False)),
        (DETECTING, {"MachineDetection": "Disable"}, ("Disable", None)),
    ],
)
def test_machines_are_listened_for_while_the_call_goes_on(
    account: TelnyxAccount, params: dict[str, object], says: tuple[str, bool | None]
) -> None:
    asked = body(account, params=params)
    assert (asked["MachineDetection"], asked.get("AsyncAmd")) == says
    heard = None if says[1] is None else f"{CALLBACK_URL}/heard"
    assert asked.get("AsyncAmdStatusCallback") == heard


def test_values_are_passed_on_as_json_has_them() -> None:
    headers = [{"name": "X-A", "value": "1"}]
    params = {"record": True, "recordingTimeout": 30.0, "CustomHeaders": headers}
    assert documented(params) == {
        "Record": True,
        "RecordingTimeout": 30,
        "CustomHeaders": headers,
    }


def test_every_name_is_one_of_texml_s_and_each_of_those_is_decided() -> None:
    schemas = json.loads(spec("telnyx_calls.openapi.json").read_text())["components"]["schemas"]
    known = set(schemas["InitiateCallRequest"]["properties"])
    assert known == ALLOWED | set(OURS)
    assert not ALLOWED & set(OURS)
    assert known >= set(body(DETECTING))


@pytest.mark.parametrize(
    ("code", "pointer", "fault", "disposition"),
    [
        ("10016", "/To", Fault.CALL, Disposition.INVALID_NUMBER),
        ("10016", "/From", Fault.CALLER_ID, Disposition.FAILED),
        ("10015", "/ApplicationSid", Fault.CONFIGURATION, Disposition.FAILED),
        ("10032", "/Url", Fault.CONFIGURATION, Disposition.FAILED),
    ],
)
def test_codes_tell_the_number_s_fault_from_the_setup_s(
    code: str, pointer: str, fault: Fault, disposition: Disposition
) -> None:
    told = {"errors": [{"code": code, "title": "x", "source": {"pointer": pointer}}]}
    answer = Answer(422, {}, json.dumps(told).encode())
    assert known_refusal(answer) == Refused(f"TELNYX_{code}", fault, disposition)


@pytest.mark.parametrize(
    ("status", "sip_code", "disposition"),
    [
        ("completed", "200", Disposition.ANSWERED_HUMAN),
        ("failed", "404", Disposition.INVALID_NUMBER),
        ("failed", "603", Disposition.REJECTED),
        ("busy", "486", Disposition.BUSY),
        ("failed", "unspecified", Disposition.FAILED),
        ("canceled", "487", Disposition.CANCELLED),
        ("no-answer", "480", Disposition.NO_ANSWER),
    ],
)
def test_the_end_of_a_call_is_told_by_its_status_and_its_sip_code(
    status: str, sip_code: str, disposition: Disposition
) -> None:
    told = {"CallSid": SID, "CallStatus": status, "SipHangupCause": sip_code}
    report = report_of_callback(CallId("ours"), told, "SipHangupCause")
    assert (report.kind, report.disposition) == (ReportKind.ENDED, disposition)


@pytest.mark.parametrize(
    ("heard", "is_machine"),
    [("machine_start", True), ("fax", True), ("machine", True), ("human", False), ("", False)],
)
def test_a_machine_is_told_before_the_end(heard: str, is_machine: bool) -> None:
    report = report_of_hearing(CallId("ours"), {"CallSid": SID, "AnsweredBy": heard})
    assert (report is not None) == is_machine
    if report is not None:
        assert (report.kind, report.disposition) == (
            ReportKind.ANSWERED,
            Disposition.ANSWERED_MACHINE,
        )
