"""What Telnyx's adapter says and hears, held against Telnyx's own SDK and description."""

import json
import time
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from outdial_server.carriers.answers import dial_result
from outdial_server.carriers.telnyx.account import TelnyxAccount
from outdial_server.carriers.telnyx.create import (
    call_id_in,
    client_state,
    create_body,
    known_refusal,
)
from outdial_server.carriers.telnyx.events import TelnyxEvent, latest_report, report_of
from outdial_server.carriers.telnyx.params import ALLOWED, OURS, documented
from outdial_server.carriers.telnyx.records import event_in, events_by_leg, owner_of
from outdial_server.carriers.telnyx.signature import OLD_AFTER, is_signed
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_params import ParamsError
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.outgoing.answer import Answer
from outdial_server.ports.carrier import Accepted, DialRequest, NotSent, Refused, Unclear
from support.far_telnyx import example_events
from support.specs import spec

OURS_ID = CallId("01900000-0000-7000-8000-000000000001")
ACCOUNT = TelnyxAccount("KEY", "1293384261075731461", b64encode(bytes(32)).decode())
DETECTING = TelnyxAccount("KEY", "1293384261075731461", ACCOUNT.public_key, detect_machines=True)
CALLBACK_URL = f"https://dial.example.net/callbacks/telnyx/secret/{OURS_ID}"
DESCRIPTION = "telnyx_calls.openapi.json"


def a_request(**changes: object) -> DialRequest:
    fields: dict[str, object] = {
        "call_id": OURS_ID,
        "account_id": AccountId("account"),
        "batch_id": None,
        "address": "+15551230001",
        "caller_id": "+15551230000",
        "ring_timeout": timedelta(seconds=25),
        "max_duration": timedelta(minutes=10),
        "join_url": "wss://agent.example.net/join?a=1&b=2",
    }
    return DialRequest(**(fields | changes))  # type: ignore[arg-type]


def body(account: TelnyxAccount = ACCOUNT, **changes: object) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(create_body(account, a_request(**changes), CALLBACK_URL))
    return told


def answer(status: int, told: object = None, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(told).encode())


def error(status: int, code: str, pointer: str | None = None) -> Answer:
    source = {} if pointer is None else {"source": {"pointer": pointer}}
    return answer(status, {"errors": [{"code": code, "title": "x", **source}]})


def result(told: Answer) -> object:
    def taken(one: Answer) -> object:
        return json.loads(one.body).get("data", {}).get("call_control_id")

    return dial_result(told, taken, known_refusal)


# Requests


def test_a_request_says_all_that_telnyx_needs() -> None:
    assert body() == {
        "connection_id": "1293384261075731461",
        "to": "+15551230001",
        "from": "+15551230000",
        "timeout_secs": 25,
        "time_limit_secs": 600,
        "retry_on_timeout": False,
        "client_state": b64encode(OURS_ID.encode()).decode(),
        "command_id": OURS_ID,
        "webhook_url": CALLBACK_URL,
        "webhook_url_method": "POST",
        "stream_url": "wss://agent.example.net/join?a=1&b=2",
        "stream_bidirectional_mode": "rtp",
    }


@pytest.mark.parametrize(
    ("ring", "talk", "says"),
    [
        (timedelta(seconds=5.2), timedelta(seconds=30.5), (6, 31)),
        (timedelta(seconds=1), timedelta(seconds=1), (5, 30)),
        (timedelta(hours=1), timedelta(hours=9), (600, 14_400)),
    ],
)
def test_times_are_rounded_up_and_within_what_telnyx_takes(
    ring: timedelta, talk: timedelta, says: tuple[int, int]
) -> None:
    asked = body(ring_timeout=ring, max_duration=talk)
    assert (asked["timeout_secs"], asked["time_limit_secs"]) == says


def test_machines_are_listened_for_while_the_call_goes_on() -> None:
    assert body(DETECTING)["answering_machine_detection"] == "detect"


def test_the_state_of_a_call_leads_back_to_it_and_nothing_else_does() -> None:
    assert call_id_in(client_state(OURS_ID)) == OURS_ID
    for foreign in (None, 1, "", "no base64!", b64encode(b"\xff").decode(), "schlüssel"):
        assert call_id_in(foreign) is None


@pytest.mark.parametrize("name", ["from_display_name", "fromDisplayName", "FromDisplayName"])
def test_a_parameter_may_be_spelled_both_ways(name: str) -> None:
    assert documented({name: "Ada"}) == {"from_display_name": "Ada"}


def test_values_are_passed_on_as_json_has_them() -> None:
    headers = [{"name": "X-A", "value": "1"}]
    params = {"recordMaxLength": 30.0, "send_silence_when_idle": True, "custom_headers": headers}
    assert documented(params) == {
        "record_max_length": 30,
        "send_silence_when_idle": True,
        "custom_headers": headers,
    }


def test_a_parameter_wins_over_what_is_asked_by_default() -> None:
    asked = body(DETECTING, params={"answering_machine_detection": "premium"})
    assert asked["answering_machine_detection"] == "premium"


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"timeout_secs": 25}, "ring_timeout"),
        ({"timeLimitSecs": 25}, "max_call_duration"),
        ({"to": "+1"}, "address"),
        ({"connectionId": "1"}, "carrier config"),
        ({"webhook_url": "https://x"}, "scheduler"),
        ({"commandId": "1"}, "scheduler"),
        ({"stream_url": "wss://x"}, "join URL"),
        ({"from_display_nam": "x"}, "from_display_name"),
        ({"colour": "red"}, "no parameter of Telnyx's calls"),
        ({"fromDisplayName": "a", "from_display_name": "b"}, "twice"),
        ({"privacy": None}, "must be text"),
        ({"custom_headers": [{"name": None}]}, "custom_headers"),
    ],
)
def test_a_parameter_that_cannot_be_passed_on_is_named(
    params: dict[str, object], says: str
) -> None:
    with pytest.raises(ParamsError, match=says) as refusal:
        documented(params)
    assert list(params)[-1] in str(refusal.value)


def test_every_name_is_one_of_telnyx_s_and_each_of_those_is_decided() -> None:
    schemas = json.loads(spec(DESCRIPTION).read_text())["components"]["schemas"]
    known = set(schemas["CallRequest"]["properties"])
    assert known == ALLOWED | set(OURS)
    assert not ALLOWED & set(OURS)
    assert known >= set(body(DETECTING))


# Answers


def test_a_call_that_was_taken_has_a_control_id() -> None:
    assert result(answer(200, {"data": {"call_control_id": "v3:x"}})) == Accepted("v3:x")
    assert isinstance(result(answer(200, {"data": {}})), Unclear)


@pytest.mark.parametrize(
    ("status", "code", "pointer", "fault", "disposition"),
    [
        (422, "10016", "/to", Fault.CALL, Disposition.INVALID_NUMBER),
        (422, "10002", None, Fault.CALL, Disposition.INVALID_NUMBER),
        (422, "10016", "/from", Fault.CALLER_ID, Disposition.FAILED),
        (422, "10015", "/connection_id", Fault.CONFIGURATION, Disposition.FAILED),
        (401, "10009", None, Fault.CONFIGURATION, Disposition.FAILED),
        (403, "10010", None, Fault.CONFIGURATION, Disposition.FAILED),
    ],
)
def test_codes_tell_the_number_s_fault_from_the_setup_s(
    status: int, code: str, pointer: str | None, fault: Fault, disposition: Disposition
) -> None:
    told = result(error(status, code, pointer))
    assert told == Refused(f"TELNYX_{code}", fault, disposition)


@pytest.mark.parametrize("told", [error(422, "10032"), error(422, "10011"), answer(422, [])])
def test_a_refusal_of_an_unknown_kind_is_this_call_s_alone(told: Answer) -> None:
    assert result(told) == Refused("HTTP_422", Fault.CALL)


def test_too_many_requests_were_not_processed() -> None:
    told = error(429, "10011")
    assert result(told) == NotSent("THROTTLED", None)
    waiting = Answer(429, {"retry-after": "3"}, told.body)
    assert result(waiting) == NotSent("THROTTLED", timedelta(seconds=3))


@pytest.mark.parametrize("status", [100, 408, *(s.value for s in HTTPStatus if s >= 500), 599])
def test_whatever_may_have_been_placed_is_unclear(status: int) -> None:
    assert isinstance(result(error(status, "10007")), Unclear)


# Events


def an_event(name: str, **payload: str) -> TelnyxEvent:
    return TelnyxEvent(name, {"call_control_id": "v3:x", **payload})


def hangup(cause: str, sip_code: str = "unspecified") -> TelnyxEvent:
    return an_event("call.hangup", hangup_cause=cause, sip_hangup_cause=sip_code)


@pytest.mark.parametrize(
    ("event", "kind", "disposition"),
    [
        (an_event("call.initiated"), ReportKind.RINGING, None),
        (an_event("call.answered"), ReportKind.ANSWERED, None),
        *(
            (
                an_event(f"call.machine.{name}.ended", result=heard),
                ReportKind.ANSWERED,
                Disposition.ANSWERED_MACHINE,
            )
            for name, heard in (
                ("detection", "machine"),
                ("premium.detection", "machine"),
                ("premium.detection", "fax_detected"),
                ("greeting", "beep_detected"),
                ("premium.greeting", "beep_detected"),
            )
        ),
        *(
            (hangup(*told), ReportKind.ENDED, disposition)
            for told, disposition in (
                (("normal_clearing", "200"), Disposition.ANSWERED_HUMAN),
                (("normal_clearing", "487"), Disposition.CANCELLED),
                (("time_limit",), Disposition.ANSWERED_HUMAN),
                (("originator_cancel", "487"), Disposition.CANCELLED),
                (("timeout",), Disposition.NO_ANSWER),
                (("no_answer", "480"), Disposition.NO_ANSWER),
                (("user_busy", "486"), Disposition.BUSY),
                (("not_found", "404"), Disposition.INVALID_NUMBER),
                (("call_rejected", "603"), Disposition.REJECTED),
                (("call_rejected",), Disposition.REJECTED),
                (("call_rejected", "486"), Disposition.BUSY),
                (("call_rejected", "403"), Disposition.FAILED),
                (("unspecified", "404"), Disposition.INVALID_NUMBER),
                (("unspecified", "500"), Disposition.FAILED),
                (("unspecified",), None),
                (("of_next_year", "200"), None),
            )
        ),
    ],
)
def test_each_event_says_what_it_is(
    event: TelnyxEvent, kind: ReportKind, disposition: Disposition | None
) -> None:
    report = report_of(OURS_ID, event)
    assert report is not None
    assert (report.call_id, report.carrier_call_id) == (OURS_ID, "v3:x")
    assert (report.kind, report.disposition) == (kind, disposition)


@pytest.mark.parametrize(
    "event",
    [
        an_event("streaming.started"),
        an_event("call.machine.detection.ended", result="human"),
        an_event("call.machine.detection.ended", result="not_sure"),
        an_event("call.machine.greeting.ended", result="not_sure"),
        an_event("call.of.next.year"),
    ],
)
def test_an_event_that_moves_nothing_is_no_report(event: TelnyxEvent) -> None:
    assert report_of(OURS_ID, event) is None


MACHINE = an_event("call.machine.detection.ended", result="machine")


@given(st.permutations([an_event("call.initiated"), an_event("call.answered"), MACHINE]))
def test_of_several_events_the_furthest_counts_in_whatever_order(events: list[TelnyxEvent]) -> None:
    def latest(*more: TelnyxEvent) -> CallReport:
        found = latest_report(OURS_ID, [*more, *events])
        assert found is not None
        return found

    assert latest().kind is ReportKind.ANSWERED
    assert latest(hangup("normal_clearing")).disposition is Disposition.ANSWERED_MACHINE
    assert latest(hangup("unspecified")).disposition is Disposition.ANSWERED_MACHINE
    assert latest(hangup("user_busy")).disposition is Disposition.BUSY
    assert latest_report(OURS_ID, []) is None


def test_an_end_without_a_cause_is_a_person_s_where_somebody_answered() -> None:
    ended = latest_report(OURS_ID, [hangup("unspecified"), an_event("call.answered")])
    assert ended is not None
    assert ended.disposition is Disposition.ANSWERED_HUMAN


def test_telnyx_s_own_examples_are_read_as_what_they_are() -> None:
    schemas = json.loads(spec(DESCRIPTION).read_text())["components"]["schemas"]
    kinds = {}
    for name in ("CallInitiated", "CallAnswered", "CallHangup", "CallMachineDetectionEnded"):
        example = schemas[name]["example"]
        event = event_in(json.dumps({"data": example}).encode())
        assert event.name == example["event_type"]
        assert event.payload["client_state"] == "aGF2ZSBhIG5pY2UgZGF5ID1d"
        report = report_of(OURS_ID, event)
        kinds[name] = None if report is None else (report.kind, report.disposition)
        record = {"call_leg_id": "leg", "name": event.name, "metadata": {"a": {"b": example}}}
        assert events_by_leg([record]) == {"leg": [event]}
    assert kinds == {
        "CallInitiated": (ReportKind.RINGING, None),
        "CallAnswered": (ReportKind.ANSWERED, None),
        "CallHangup": (ReportKind.ENDED, Disposition.REJECTED),
        # Of a person.
        "CallMachineDetectionEnded": None,
    }


def test_what_the_far_end_of_our_tests_says_fits_telnyx_s_description() -> None:
    document = json.loads(spec(DESCRIPTION).read_text())
    for name, event in example_events().items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        Draft202012Validator(schema).validate(event)
        known = document["components"]["schemas"][name]["properties"]["payload"]["properties"]
        assert set(event["payload"]) <= set(known)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"data": []}', b'{"data": {"payload": {}}}'])
def test_what_is_no_event_is_not_taken_for_one(raw: bytes) -> None:
    with pytest.raises(ValueError):
        event_in(raw)


def test_a_record_without_its_event_has_no_owner() -> None:
    deep: dict[str, Any] = {"call_leg_id": "leg", "client_state": client_state(OURS_ID)}
    for _ in range(9):
        deep = {"in": deep}
    for metadata in ({}, None, [], {"other": 1}, deep):
        (events,) = events_by_leg(
            [{"call_leg_id": "leg", "name": "call.hangup", "metadata": metadata}, {"name": "x"}]
        ).values()
        assert owner_of(events) is None


# Signatures

KEYS = st.binary(min_size=32, max_size=32).map(Ed25519PrivateKey.from_private_bytes)
BODIES = st.text(st.characters(exclude_categories=["Cs"]), max_size=200).map(str.encode)
AGES = st.integers(-280, 280)


def is_let_in(
    key: Ed25519PrivateKey, seconds: str, raw: bytes, signature: str, now: datetime
) -> bool:
    return is_signed(key.public_key(), seconds, raw, signature, now)


def sdk_lets_in(key: Ed25519PrivateKey, seconds: str, raw: bytes, signature: str) -> bool:
    # Here: it takes seconds to load, and each test process would.
    from telnyx.lib import WebhookVerificationError, verify_webhook_signature  # noqa: PLC0415

    headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": seconds}
    public = b64encode(key.public_key().public_bytes_raw()).decode()
    try:
        verify_webhook_signature(raw, headers, public)
    except WebhookVerificationError:
        return False
    return True


def sign(key: Ed25519PrivateKey, seconds: str, raw: bytes) -> str:
    return b64encode(key.sign(f"{seconds}|".encode() + raw)).decode()


@settings(max_examples=1000)
@given(KEYS, BODIES, AGES)
def test_signatures_are_those_of_telnyx_s_sdk(key: Ed25519PrivateKey, raw: bytes, age: int) -> None:
    now = time.time()
    seconds = str(int(now) - age)
    signature = sign(key, seconds, raw)
    assert sdk_lets_in(key, seconds, raw, signature)
    assert is_let_in(key, seconds, raw, signature, datetime.fromtimestamp(now, UTC))


@given(KEYS, KEYS, BODIES, st.data())
def test_what_was_tampered_with_is_let_in_by_nobody(
    key: Ed25519PrivateKey, other: Ed25519PrivateKey, raw: bytes, data: st.DataObject
) -> None:
    now = datetime.now(UTC)
    seconds = str(int(now.timestamp()))
    signature = sign(key, seconds, raw)
    bits = bytearray(b64decode(signature))
    bits[data.draw(st.integers(0, 63))] ^= 1 << data.draw(st.integers(0, 7))
    changed: list[tuple[str, bytes, str]] = [
        (seconds, raw + b"x", signature),
        (str(int(seconds) - 1), raw, signature),
        (seconds, raw, b64encode(bits).decode()),
        (seconds, raw, sign(other, seconds, raw + b"x")),
        (seconds, raw, ""),
        ("", raw, sign(key, "", raw)),
        ("soon", raw, sign(key, "soon", raw)),
    ]
    for one in changed:
        assert not is_let_in(key, *one, now)
        assert not sdk_lets_in(key, *one)


@pytest.mark.parametrize("seconds", ["٣", "9" * 40, "-1", "1e3", " 1"])
def test_a_time_that_is_none_lets_nothing_in(seconds: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert not is_let_in(key, seconds, b"{}", sign(key, seconds, b"{}"), datetime.now(UTC))


def test_a_webhook_is_old_after_five_minutes_and_new_before_that() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    sent_at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    seconds = str(int(sent_at.timestamp()))
    signature = sign(key, seconds, b"{}")
    for away in (OLD_AFTER, -OLD_AFTER):
        assert is_let_in(key, seconds, b"{}", signature, sent_at + away)
        beyond = sent_at + away * 1.01
        assert not is_let_in(key, seconds, b"{}", signature, beyond)
