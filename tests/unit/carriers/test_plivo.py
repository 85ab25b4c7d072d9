"""What Plivo's adapter says and hears, held against Plivo's own SDK."""

import inspect
import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plivo.resources.calls import Calls
from plivo.utils.signature_v3 import validate_v3_signature

from outdial_server.carriers.answers import dial_result
from outdial_server.carriers.plivo.account import PlivoAccount
from outdial_server.carriers.plivo.answer_xml import handed_over
from outdial_server.carriers.plivo.create import create_body, known_refusal
from outdial_server.carriers.plivo.params import ALLOWED, OURS
from outdial_server.carriers.plivo.records import UUID
from outdial_server.carriers.plivo.signature import is_signed, signature
from outdial_server.carriers.plivo.statuses import (
    report_of_callback,
    report_of_live,
    report_of_record,
)
from outdial_server.domain.call import Disposition
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.outgoing.answer import Answer
from outdial_server.ports.carrier import Accepted, NotSent, Refused, Unclear
from support.requests import REQUEST, a_request

ACCOUNT = PlivoAccount("MA" + "0" * 18, "token")
DETECTING = PlivoAccount("MA" + "0" * 18, "token", detect_machines=True)
CALLBACK_URL = "https://dial.example.net/callbacks/plivo/config/secret/ours"
UUID_OF_REQUEST = "9834029e-58b6-11e1-b8b7-a5bd0e4e126f"


def body(account: PlivoAccount = ACCOUNT, **changes: object) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(create_body(account, a_request(**changes), CALLBACK_URL))
    return told


def answer(status: int, told: object = None, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(told).encode())


def result(told: Answer) -> object:
    return dial_result(
        told, lambda taken: json.loads(taken.body).get("request_uuid"), known_refusal
    )


# Requests


def test_a_request_says_all_that_plivo_needs() -> None:
    asked = body()
    answer_url = urlsplit(asked.pop("answer_url"))
    assert answer_url._replace(query="").geturl() == f"{CALLBACK_URL}/answer"
    assert parse_qs(answer_url.query) == {"join": [REQUEST.join_url]}
    assert asked == {
        "to": "+15551230001",
        "from": "+15551230000",
        "answer_method": "POST",
        "ring_url": f"{CALLBACK_URL}/ring",
        "ring_method": "POST",
        "hangup_url": f"{CALLBACK_URL}/hangup",
        "hangup_method": "POST",
        "ring_timeout": 30,
        "time_limit": 600,
    }


def test_parts_of_a_second_are_rounded_up() -> None:
    asked = body(ring_timeout=timedelta(milliseconds=50), max_duration=timedelta(seconds=1.5))
    assert (asked["ring_timeout"], asked["time_limit"]) == (1, 2)


@pytest.mark.parametrize(
    ("account", "params", "says"),
    [
        (DETECTING, {}, "true"),
        (DETECTING, {"machineDetection": "hangup"}, "hangup"),
        (ACCOUNT, {"machine_detection": "true", "machine_detection_time": 4000.0}, "true"),
    ],
)
def test_machines_are_listened_for_while_the_call_goes_on(
    account: PlivoAccount, params: dict[str, object], says: str
) -> None:
    asked = body(account, params=params)
    assert asked["machine_detection"] == says
    assert asked["machine_detection_url"] == f"{CALLBACK_URL}/machine"
    assert asked.get("machine_detection_time") == (4000 if len(params) > 1 else None)
    assert "machine_detection_url" not in body(ACCOUNT)


def test_every_name_that_plivo_s_sdk_has_is_decided() -> None:
    known = {name.rstrip("_") for name in inspect.signature(Calls.create).parameters} - {"self"}
    assert known <= ALLOWED | set(OURS)
    assert not ALLOWED & set(OURS)
    # What is documented beside it, of machine detection.
    assert all(name.startswith("machine_detection_") for name in ALLOWED - known)
    assert set(body(DETECTING)) <= known


# What whoever answers is connected to


def test_whoever_answers_is_connected_to_the_agent() -> None:
    join_url = "wss://agent.example.net/join?a=1&b=<2>"
    told = handed_over(join_url, "01900000-0000-7000-8000-000000000001")
    stream = ET.fromstring(told).find("Stream")  # noqa: S314 our own
    assert stream is not None
    assert stream.text == join_url
    assert stream.attrib == {
        "bidirectional": "true",
        "keepCallAlive": "true",
        "contentType": "audio/x-l16;rate=16000",
        "extraHeaders": "callid=01900000000070008000000000000001",
    }


def test_an_agent_with_a_page_answers_with_its_own_xml() -> None:
    told = handed_over("https://agent.example.net/xml?a=1&b=2", "ours")
    redirect = ET.fromstring(told).find("Redirect")  # noqa: S314 our own
    assert redirect is not None
    assert (redirect.text, redirect.attrib) == (
        "https://agent.example.net/xml?a=1&b=2",
        {"method": "POST"},
    )


# Answers


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_call_that_was_taken_has_the_id_of_its_request(status: int) -> None:
    told = {"message": "call queued", "request_uuid": UUID_OF_REQUEST}
    assert result(answer(status, told)) == Accepted(UUID_OF_REQUEST)
    assert isinstance(result(answer(status, {})), Unclear)


@pytest.mark.parametrize(
    ("error", "fault", "disposition"),
    [
        ("to parameter is not a valid number", Fault.CALL, Disposition.INVALID_NUMBER),
        ("'to' number is invalid", Fault.CALL, Disposition.INVALID_NUMBER),
        ("from parameter must be a number", Fault.CALLER_ID, Disposition.FAILED),
        ("answer_url is no URL", Fault.CONFIGURATION, Disposition.FAILED),
        ("calls to it are not allowed", Fault.CALL, Disposition.FAILED),
        ("too many destinations", Fault.CALL, Disposition.FAILED),
        ({"to": "wrong"}, Fault.CALL, Disposition.FAILED),
    ],
)
def test_what_is_named_first_tells_the_number_s_fault_from_the_setup_s(
    error: object, fault: Fault, disposition: Disposition
) -> None:
    told = result(answer(400, {"api_id": "x", "error": error}))
    assert isinstance(told, Refused)
    assert (told.fault, told.disposition) == (fault, disposition)


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_what_every_call_would_meet_is_the_setup_s(status: int) -> None:
    told = result(answer(status))
    assert isinstance(told, Refused)
    assert told.fault is Fault.CONFIGURATION


def test_too_many_requests_were_not_processed() -> None:
    told = result(answer(429, None, **{"retry-after": "3"}))
    assert told == NotSent("THROTTLED", timedelta(seconds=3))


@pytest.mark.parametrize("status", [100, 408, *(s.value for s in HTTPStatus if s >= 500), 599])
def test_whatever_may_have_been_placed_is_unclear(status: int) -> None:
    assert isinstance(result(answer(status)), Unclear)


# Callbacks and records


@pytest.mark.parametrize(
    ("what", "told", "kind", "disposition"),
    [
        ("ring", {}, ReportKind.RINGING, None),
        ("answer", {}, ReportKind.ANSWERED, None),
        ("machine", {"Machine": "true"}, ReportKind.ANSWERED, Disposition.ANSWERED_MACHINE),
        ("machine", {"Machine": "True"}, ReportKind.ANSWERED, Disposition.ANSWERED_MACHINE),
        *(
            ("hangup", {"HangupCauseCode": code, "CallStatus": status}, ReportKind.ENDED, end)
            for code, status, end in (
                ("4000", "completed", Disposition.ANSWERED_HUMAN),
                ("4010", "completed", Disposition.ANSWERED_HUMAN),
                ("1000", "cancel", Disposition.CANCELLED),
                ("2000", "failed", Disposition.INVALID_NUMBER),
                ("2010", "failed", Disposition.INVALID_NUMBER),
                ("2040", "failed", Disposition.INVALID_NUMBER),
                ("3000", "no-answer", Disposition.NO_ANSWER),
                ("3010", "busy", Disposition.BUSY),
                ("3020", "failed", Disposition.REJECTED),
                ("1010", "failed", Disposition.FAILED),
                ("2030", "failed", Disposition.FAILED),
                ("0", "failed", Disposition.FAILED),
                ("5010", "failed", Disposition.FAILED),
                ("6020", "completed", Disposition.ANSWERED_HUMAN),
                ("9999", "timeout", Disposition.NO_ANSWER),
                ("", "busy", Disposition.BUSY),
                ("", "of-next-year", Disposition.FAILED),
            )
        ),
    ],
)
def test_each_callback_says_what_it_is(
    what: str, told: dict[str, str], kind: ReportKind, disposition: Disposition | None
) -> None:
    ids = {"CallUUID": "call", "RequestUUID": "request"}
    report = report_of_callback(CallId("ours"), what, ids | told)
    assert report is not None
    assert (report.call_id, report.carrier_call_id) == ("ours", "request")
    assert (report.kind, report.disposition) == (kind, disposition)


def test_that_somebody_is_no_machine_moves_nothing() -> None:
    told = {"CallUUID": "call", "Machine": "false"}
    assert report_of_callback(CallId("ours"), "machine", told) is None
    with pytest.raises(ValueError, match="nothing of a call"):
        report_of_callback(CallId("ours"), "elsewhere", told)


def test_records_say_the_same_as_callbacks() -> None:
    for code, answered, status in ((4000, "x", "completed"), (3010, None, "busy"), (0, None, "")):
        record = {"hangup_cause_code": code, "answer_time": answered}
        told = {"RequestUUID": "r", "HangupCauseCode": str(code), "CallStatus": status}
        of_callback = report_of_callback(CallId("ours"), "hangup", told)
        assert report_of_record(CallId("ours"), "r", record) == of_callback
    assert report_of_live(CallId("ours"), "r", "queued").kind is ReportKind.ACCEPTED
    with pytest.raises(ValueError, match="live"):
        report_of_live(CallId("ours"), "r", "completed")


@pytest.mark.parametrize("text", ["", "short", "a/b-c-d-e-f", "x" * 65, "../../Account"])
def test_what_is_no_id_of_a_call_never_gets_into_a_url(text: str) -> None:
    assert not UUID.fullmatch(text)


# Signatures

PLAIN = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=",")
TEXT = st.text(PLAIN, max_size=12)
NAMES = st.text(PLAIN, min_size=1, max_size=8)
# The SDK knows no others in a query, where ours has a URL, and in a nonce.
ASCII = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=8)
FORMS = st.dictionaries(NAMES, TEXT, max_size=6)
URLS = st.builds(
    "{}://{}{}/callbacks/{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["dial.example.net", "10.0.0.1"]),
    st.sampled_from(["", ":8080"]),
    st.sampled_from(["plivo/a", "plivo/a/b-c/answer"]),
    st.one_of(
        st.just(""),
        st.dictionaries(ASCII, ASCII, min_size=1, max_size=3).map(lambda q: f"?{urlencode(q)}"),
    ),
)


def sdk_lets_in(token: str, url: str, form: dict[str, str], nonce: str, given: str) -> bool:
    # It changes what it is given.
    return bool(validate_v3_signature("POST", url, nonce, token, given, dict(form)))


@settings(max_examples=1000)
@given(TEXT, URLS, FORMS, ASCII)
def test_signatures_are_those_of_plivo_s_sdk(
    token: str, url: str, form: dict[str, str], nonce: str
) -> None:
    ours = signature(token, url, form.items(), nonce)
    assert sdk_lets_in(token, url, form, nonce, ours)
    assert is_signed(token, url, form.items(), nonce, ours)
    assert is_signed(token, url, form.items(), nonce, f"b3RoZXI=, {ours}"), "one of several"


@given(TEXT, URLS, FORMS, ASCII, st.data())
def test_what_was_tampered_with_is_let_in_by_nobody(
    token: str, url: str, form: dict[str, str], nonce: str, data: st.DataObject
) -> None:
    ours = signature(token, url, form.items(), nonce)
    name = data.draw(st.sampled_from([*sorted(form), "Another"]))
    separator = "&" if "?" in url else "?"
    changed: list[tuple[str, str, dict[str, str], str, str]] = [
        (token + "x", url, form, nonce, ours),
        (token, f"{url}{separator}zz=1", form, nonce, ours),
        (token, url, form | {name: form.get(name, "") + "x"}, nonce, ours),
        (token, url, form, nonce + "x", ours),
        (token, url, form, nonce, ours[:-2] + "xx"),
        (token, url, form, nonce, ""),
    ]
    for one in changed:
        other_token, other_url, other_form, other_nonce, given = one
        assert not is_signed(other_token, other_url, other_form.items(), other_nonce, given)
        assert not sdk_lets_in(*one)


def test_several_values_of_one_name_are_signed_in_their_order() -> None:
    url, pairs = "https://x.example/a?b=2&b=1", [("Event", "b"), ("Event", "a")]
    ours = signature("token", url, pairs, "nonce")
    told = {"Event": ["b", "a"]}
    assert validate_v3_signature("POST", url, "nonce", "token", ours, told)
