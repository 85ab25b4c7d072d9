"""What Twilio's adapter says and hears, held against Twilio's own SDK and description."""

import json
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from outdial_server.carriers.answers import dial_result
from outdial_server.carriers.twilio.account import TwilioAccount
from outdial_server.carriers.twilio.create import create_form, known_refusal
from outdial_server.carriers.twilio.params import ALLOWED, OURS, documented
from outdial_server.carriers.twilio.signature import is_signed, signature
from outdial_server.carriers.twiml.markup import connected
from outdial_server.carriers.twiml.statuses import report_of_callback, report_of_resource
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_params import ParamsError
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.outgoing.answer import Answer
from outdial_server.ports.carrier import Accepted, DialRequest, NotSent, Refused, Unclear
from support.specs import spec

ACCOUNT = TwilioAccount("AC" + "0" * 32, "token")
SID = "CA" + "1" * 32
JOIN_URL = "wss://agent.example.net/join?a=1&b=2"
CALLBACK_URL = "https://dial.example.net/callbacks/twilio/secret/ours"


def a_request(**changes: object) -> DialRequest:
    fields: dict[str, object] = {
        "call_id": CallId("ours"),
        "account_id": AccountId("account"),
        "batch_id": None,
        "address": "+15551230001",
        "caller_id": "+15551230000",
        "ring_timeout": timedelta(seconds=25),
        "max_duration": timedelta(minutes=10),
        "join_url": JOIN_URL,
    }
    return DialRequest(**(fields | changes))  # type: ignore[arg-type]


def form(account: TwilioAccount = ACCOUNT, **changes: object) -> dict[str, list[str]]:
    return parse_qs(create_form(account, a_request(**changes), CALLBACK_URL).decode())


def answer(status: int, body: object = None, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(body).encode())


def result(told: Answer) -> object:
    return dial_result(told, lambda taken: json.loads(taken.body).get("sid"), known_refusal)


# Requests


def test_a_request_says_all_that_twilio_needs() -> None:
    assert form() == {
        "To": ["+15551230001"],
        "From": ["+15551230000"],
        "Twiml": [connected(JOIN_URL, "ours")],
        "StatusCallback": [CALLBACK_URL],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "Timeout": ["25"],
        "TimeLimit": ["600"],
    }


def test_parts_of_a_second_are_rounded_up_and_a_ring_is_bounded() -> None:
    asked = form(ring_timeout=timedelta(milliseconds=50), max_duration=timedelta(seconds=1.5))
    assert (asked["Timeout"], asked["TimeLimit"]) == (["1"], ["2"])
    assert form(ring_timeout=timedelta(hours=1))["Timeout"] == ["600"]


def test_an_agent_with_a_sip_address_is_dialled() -> None:
    agent = "sip:ada-ours@voice.example.net;user=phone?X-Of=a&X-At=b"
    dialled = ET.fromstring(connected(agent, "ours")).find("Dial/Sip")  # noqa: S314 our own
    assert dialled is not None
    assert dialled.text == agent


def test_whoever_answers_is_connected_to_the_agent() -> None:
    stream = ET.fromstring(connected(JOIN_URL, "ours")).find("Connect/Stream")  # noqa: S314 our own
    assert stream is not None
    assert stream.get("url") == "wss://agent.example.net/join?a=1&b=2"
    parameter = stream.find("Parameter")
    assert parameter is not None
    assert parameter.attrib == {"name": "call_id", "value": "ours"}


def test_an_agent_with_a_page_answers_with_its_own_twiml() -> None:
    asked = form(join_url="https://agent.example.net/twiml")
    assert asked["Url"] == ["https://agent.example.net/twiml"]
    assert "Twiml" not in asked


@pytest.mark.parametrize(
    ("detects", "params", "says"),
    [
        (True, {}, ("Enable", "true")),
        (True, {"machine_detection": "DetectMessageEnd"}, ("DetectMessageEnd", "true")),
        (False, {"MachineDetection": "Enable"}, ("Enable", "true")),
        (False, {"MachineDetection": "Enable", "asyncAmd": False}, ("Enable", "false")),
    ],
)
def test_machines_are_listened_for_while_the_call_goes_on(
    detects: bool, params: dict[str, object], says: tuple[str, str]
) -> None:
    account = TwilioAccount("AC" + "0" * 32, "token", detect_machines=detects)
    asked = form(account, params=params)
    assert (asked["MachineDetection"], asked["AsyncAmd"]) == tuple([one] for one in says)
    assert asked["AsyncAmdStatusCallback"] == [f"{CALLBACK_URL}/heard"]


@pytest.mark.parametrize("name", ["SendDigits", "send_digits", "sendDigits"])
def test_a_parameter_may_be_spelled_as_the_sdks_do(name: str) -> None:
    assert documented({name: "12#"}) == {"SendDigits": ["12#"]}


def test_values_are_written_as_forms_have_them() -> None:
    params = {"record": True, "machine_detection_timeout": 30.0}
    events = {"recording_status_callback_event": ["in-progress", "completed"]}
    assert documented(params | events) == {
        "Record": ["true"],
        "MachineDetectionTimeout": ["30"],
        "RecordingStatusCallbackEvent": ["in-progress", "completed"],
    }


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"timeout": 25}, "ring_timeout"),
        ({"To": "+1"}, "address"),
        ({"status_callback": "https://x"}, "scheduler"),
        ({"SendDigit": "1"}, "SendDigits"),
        ({"colour": "red"}, "no parameter"),
        ({"send_digits": "1", "SendDigits": "2"}, "twice"),
        ({"trim": None}, "must be text"),
        ({"trim": {"a": 1}}, "must be text"),
    ],
)
def test_a_parameter_that_cannot_be_passed_on_is_named(
    params: dict[str, object], says: str
) -> None:
    with pytest.raises(ParamsError, match=says) as refusal:
        documented(params)
    assert next(iter(params)) in str(refusal.value) or "SendDigits" in params


def test_every_name_is_one_of_twilios() -> None:
    description = json.loads(spec("twilio_calls.openapi.json").read_text())
    create = description["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls.json"]["post"]
    body = create["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    known = set(body["properties"])
    assert known >= ALLOWED | set(OURS)
    detecting = TwilioAccount("AC" + "0" * 32, "token", detect_machines=True)
    assert known >= set(form(detecting))


# Answers


def test_a_call_that_was_taken_has_a_sid() -> None:
    assert result(answer(201, {"sid": SID})) == Accepted(SID)


@pytest.mark.parametrize(
    ("code", "fault", "disposition"),
    [
        (21211, Fault.CALL, Disposition.INVALID_NUMBER),
        (13224, Fault.CALL, Disposition.INVALID_NUMBER),
        (21214, Fault.CALL, Disposition.INVALID_NUMBER),
        (21215, Fault.CONFIGURATION, Disposition.FAILED),
        (21219, Fault.CONFIGURATION, Disposition.FAILED),
        (21210, Fault.CALLER_ID, Disposition.FAILED),
        (21212, Fault.CALLER_ID, Disposition.FAILED),
    ],
)
def test_codes_tell_the_number_s_fault_from_the_setup_s(
    code: int, fault: Fault, disposition: Disposition
) -> None:
    told = result(answer(400, {"code": code, "status": 400}))
    assert told == Refused(f"TWILIO_{code}", fault, disposition)


@pytest.mark.parametrize("body", [{"code": 99999}, {"code": "21211"}, None, []])
def test_a_refusal_of_an_unknown_kind_is_this_call_s_alone(body: object) -> None:
    assert result(answer(400, body)) == Refused("HTTP_400", Fault.CALL)


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_what_every_call_would_meet_is_the_setup_s(status: int) -> None:
    told = result(answer(status))
    assert isinstance(told, Refused)
    assert told.fault is Fault.CONFIGURATION


def test_too_many_requests_were_not_processed() -> None:
    told = result(answer(429, {"code": 20429}, **{"retry-after": "3"}))
    assert told == NotSent("THROTTLED", timedelta(seconds=3))
    assert result(answer(429)) == NotSent("THROTTLED", None)


@pytest.mark.parametrize("status", [100, 408, *(s.value for s in HTTPStatus if s >= 500), 599])
def test_whatever_may_have_been_placed_is_unclear(status: int) -> None:
    assert isinstance(result(answer(status)), Unclear)


# Callbacks and records


@pytest.mark.parametrize(
    ("told", "kind", "disposition"),
    [
        ({"CallStatus": "initiated"}, ReportKind.ACCEPTED, None),
        ({"CallStatus": "queued"}, ReportKind.ACCEPTED, None),
        ({"CallStatus": "ringing"}, ReportKind.RINGING, None),
        ({"CallStatus": "in-progress"}, ReportKind.ANSWERED, None),
        ({"CallStatus": "completed"}, ReportKind.ENDED, Disposition.ANSWERED_HUMAN),
        (
            {"CallStatus": "completed", "AnsweredBy": "human"},
            ReportKind.ENDED,
            Disposition.ANSWERED_HUMAN,
        ),
        *(
            ({"CallStatus": "completed", "AnsweredBy": by}, ReportKind.ENDED, machine)
            for machine in [Disposition.ANSWERED_MACHINE]
            for by in ("machine_start", "machine_end_beep", "machine_end_other", "fax")
        ),
        ({"CallStatus": "busy"}, ReportKind.ENDED, Disposition.BUSY),
        ({"CallStatus": "no-answer"}, ReportKind.ENDED, Disposition.NO_ANSWER),
        ({"CallStatus": "canceled"}, ReportKind.ENDED, Disposition.CANCELLED),
        ({"CallStatus": "failed"}, ReportKind.ENDED, Disposition.FAILED),
        (
            {"CallStatus": "failed", "SipResponseCode": "404"},
            ReportKind.ENDED,
            Disposition.INVALID_NUMBER,
        ),
        (
            {"CallStatus": "failed", "SipResponseCode": "603"},
            ReportKind.ENDED,
            Disposition.REJECTED,
        ),
        (
            {"CallStatus": "failed", "SipResponseCode": "500"},
            ReportKind.ENDED,
            Disposition.FAILED,
        ),
    ],
)
def test_each_status_says_what_it_is(
    told: dict[str, str], kind: ReportKind, disposition: Disposition | None
) -> None:
    report = report_of_callback(CallId("ours"), {"CallSid": SID} | told, "SipResponseCode")
    assert (report.call_id, report.carrier_call_id) == ("ours", SID)
    assert (report.kind, report.disposition) == (kind, disposition)


@pytest.mark.parametrize("record", [{}, {"sid": SID}, {"sid": SID, "status": "odd"}, {"sid": 1}])
def test_a_record_that_is_none_is_not_taken_for_one(record: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="call"):
        report_of_resource(CallId("ours"), record)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
URLS = st.builds(
    "{}://{}{}/callbacks/{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["dial.example.net", "10.0.0.1", "dial.example.net"]),
    st.sampled_from(["", ":443", ":80", ":8080"]),
    st.sampled_from(["twilio/a", "twilio/a/b-c"]),
    st.one_of(
        st.just(""),
        st.dictionaries(TEXT, TEXT, min_size=1, max_size=2).map(lambda q: f"?{urlencode(q)}"),
    ),
)


@settings(max_examples=1000)
@given(TEXT, URLS, st.dictionaries(TEXT, TEXT, max_size=6))
def test_signatures_are_those_of_twilios_sdk(token: str, url: str, told: dict[str, str]) -> None:
    sdk = RequestValidator(token)
    theirs = sdk.compute_signature(url, told)
    assert signature(token, url, told.items()) == theirs
    assert is_signed(token, url, told.items(), theirs)
    assert sdk.validate(url, told, signature(token, url, told.items()))


@given(TEXT, URLS, st.dictionaries(TEXT, TEXT, min_size=1, max_size=6), st.data())
def test_what_was_tampered_with_is_not_signed(
    token: str, url: str, told: dict[str, str], data: st.DataObject
) -> None:
    given = signature(token, url, told.items())
    name = data.draw(st.sampled_from(sorted(told)))
    assert not is_signed(token, url, (told | {name: told[name] + "x"}).items(), given)
    assert not is_signed(token + "x", url, told.items(), given)
    assert not is_signed(token, url + "x", told.items(), given)
    assert not is_signed(token, url, told.items(), given[:-2] + "xx")
    assert not is_signed(token, url, told.items(), "")


def test_several_values_of_one_name_count_once_each() -> None:
    sdk = RequestValidator("token")
    pairs = [("Event", "b"), ("Event", "a"), ("Event", "b")]
    theirs = sdk.compute_signature("https://x.example/", _Multi({"Event": ["b", "a", "b"]}))
    assert signature("token", "https://x.example/", pairs) == theirs


class _Multi(dict[str, list[str]]):
    """What the SDK takes for a form with repeated names."""

    def getlist(self, name: str) -> list[str]:
        return self[name]
