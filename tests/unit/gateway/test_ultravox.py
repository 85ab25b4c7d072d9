"""What Ultravox's surface decides without a server."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from outdial.v1.batch_service_pb2 import CreateBatchRequest
from outdial.v1.scheduled_call_pb2 import (
    DISPATCH_OUTCOME_UNSPECIFIED,
    MEDIUM_OUTGOING,
    MEDIUM_WEBHOOK,
    SCHEDULED_CALL_STATE_CANCELLED,
    SCHEDULED_CALL_STATE_UNSPECIFIED,
    SCHEDULED_CALL_STATE_WAITING,
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)
from starlette.exceptions import HTTPException
from starlette.requests import Request

from outdial_server.domain.errors import FieldViolation
from outdial_server.gateway.ultravox.concurrency import Span, levels
from outdial_server.gateway.ultravox.faults import body_of
from outdial_server.gateway.ultravox.media import CallMedium
from outdial_server.gateway.ultravox.paging import SIZE_DEFAULT, SIZE_MOST, envelope, place
from outdial_server.gateway.ultravox.scheduled_calls import Entries
from outdial_server.gateway.ultravox.statuses import STATUSES, status_of

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


# --- statuses


@pytest.mark.parametrize("state", ScheduledCallState.values())
@pytest.mark.parametrize("outcome", DispatchOutcome.values())
def test_each_row_has_one_status_and_is_found_by_it(state: Any, outcome: Any) -> None:
    found = [
        status
        for status, meaning in STATUSES.items()
        if (not meaning.states or state in meaning.states) and outcome in meaning.outcomes
    ]
    if state not in (SCHEDULED_CALL_STATE_UNSPECIFIED, SCHEDULED_CALL_STATE_CANCELLED):
        assert found == [status_of(ScheduledCall(state=state, dispatch_outcome=outcome))]


def test_a_row_that_nobody_has_looked_at_is_to_come() -> None:
    row = ScheduledCall(
        state=SCHEDULED_CALL_STATE_WAITING, dispatch_outcome=DISPATCH_OUTCOME_UNSPECIFIED
    )
    assert status_of(row) == "FUTURE"


# --- faults


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("batch.window_end", {"windowEnd": ["wrong"]}),
        ("scheduled_calls[2].address", {"calls": [{}, {}, {"medium": ["wrong"]}]}),
        (
            "scheduled_calls[0].template_context.customer.name",
            {"calls": [{"templateContext": ["customer.name: wrong"]}]},
        ),
        ("throttle.rules[1].max_calls", {"rules": [{}, {"maxCalls": ["wrong"]}]}),
        ("agent.prompt", {"callTemplate": {"systemPrompt": ["wrong"]}}),
        ("carrier_params.To", {"medium": ["To: wrong"]}),
        ("throttle", {"throttle": ["wrong"]}),
    ],
)
def test_faults_of_the_core_are_said_of_the_fields_of_this_api(
    field: str, body: dict[str, Any]
) -> None:
    assert body_of([FieldViolation(field, "wrong")], are_own=False) == body


def test_own_faults_of_one_entry_stand_together() -> None:
    faults = [
        FieldViolation("calls[1].medium", "two"),
        FieldViolation("calls[1].metadata", "no texts"),
        FieldViolation("webhookUrl", "wrong"),
        FieldViolation("webhookUrl", "too long"),
    ]
    assert body_of(faults) == {
        "calls": [{}, {"medium": ["two"], "metadata": ["no texts"]}],
        "webhookUrl": ["wrong", "too long"],
    }


# --- pages


def asked(query: str = "") -> Request:
    headers = [(b"host", b"example.org")]
    scope = {"type": "http", "method": "GET", "path": "/api/things", "query_string": query.encode()}
    return Request({**scope, "headers": headers, "scheme": "https", "server": ("example.org", 443)})


def cursor_in(address: str | None) -> str:
    assert address is not None
    return Request(
        {"type": "http", "query_string": address.partition("?")[2].encode(), "headers": []}
    ).query_params["cursor"]


@given(total=st.integers(0, 60), size=st.integers(1, 7))
def test_pages_lead_through_a_list_and_back(total: int, size: int) -> None:
    things = list(range(total))
    request = asked(f"pageSize={size}&status=FUTURE")
    wanted, seen = place(request, "", str(size)), list[int]()
    pages = list[dict[str, Any]]()
    while True:
        page = envelope(wanted, things[wanted.start : wanted.start + wanted.size], total)
        pages.append(page)
        seen += page["results"]
        assert page["total"] == total
        if page["next"] is None:
            break
        assert page["next"].startswith(f"https://example.org/api/things?pageSize={size}&status=")
        wanted = place(request, cursor_in(page["next"]), str(size))
    assert seen == things
    for earlier, page in zip(pages[-2::-1], pages[:0:-1], strict=True):
        back = place(request, cursor_in(page["previous"]), str(size))
        assert things[back.start : back.start + back.size] == earlier["results"]
    assert pages[0]["previous"] is None


@pytest.mark.parametrize(
    ("said", "size"),
    [
        *((said, SIZE_DEFAULT) for said in ("", "0", "-3", "many")),
        *((said, SIZE_MOST) for said in ("200", "201", "9" * 40)),
        ("7", 7),
    ],
)
def test_a_page_has_a_size_whatever_is_said(said: str, size: int) -> None:
    assert place(asked(), "", said).size == size


@pytest.mark.parametrize("text", ["p=-1", "p=", "q=1", "p=99999999999", "\x80"])
def test_a_cursor_of_nobody_is_not_found(text: str) -> None:
    with pytest.raises(HTTPException, match="Invalid cursor"):
        place(asked(), urlsafe_b64encode(text.encode()).decode(), "")


# --- entries


def entries_of(*entries: Any, usual: CallMedium | None = None) -> Entries[CreateBatchRequest]:
    read = Entries(CreateBatchRequest, usual, "tag", {"plivo": "a config"})
    for index, entry in enumerate(entries):
        read.take(index, entry)
    return read


def rows_of(read: Entries[CreateBatchRequest]) -> Iterable[ScheduledCall]:
    assert read.finish(1) == []
    return CreateBatchRequest.FromString(read.request.data()).scheduled_calls


def test_an_entry_without_a_medium_has_that_of_the_agent() -> None:
    usual = CallMedium.model_validate({"telnyx": {"outgoing": {"to": "+15551230009"}}})
    read = entries_of({}, usual=usual)
    (row,) = rows_of(read)
    assert (row.address, read.carriers) == ("+15551230009", {"telnyx": 0})
    assert dict(row.annotations) == {"medium": None}


def test_calls_of_other_carriers_than_the_first_are_dialled_with_theirs() -> None:
    outgoing = {"outgoing": {"to": "+15551230009", "from": "+15550001111"}}
    media = [{name: outgoing} for name in ("telnyx", "plivo", "telnyx")]
    first, second, third = rows_of(entries_of(*({"medium": medium} for medium in media)))
    assert (second.carrier_config, second.medium) == ("a config", MEDIUM_OUTGOING)
    assert [row.carrier_config for row in (first, third)] == ["", ""]
    assert dict(first.annotations) == {}


@pytest.mark.parametrize("medium", [None, {}, {"webRtc": {}}, {"twilio": {}}, {"exotel": {}}])
def test_whom_nobody_dials_is_told_apart(medium: Any) -> None:
    read = entries_of({"medium": medium}, {"medium": medium})
    first, second = rows_of(read)
    assert (first.medium, read.first_for_webhook) == (MEDIUM_WEBHOOK, 0)
    assert first.address != second.address


def test_only_the_first_faults_are_told() -> None:
    read = entries_of(*[{"medium": 5}] * 1000)
    assert len(read.finish(1000)) == 50


def test_a_password_is_not_kept() -> None:
    outgoing = {"to": "ann@example.org", "username": "u1", "password": "p1"}
    (row,) = rows_of(entries_of({"medium": {"sip": {"outgoing": outgoing}}}))
    assert row.address == "sip:ann@example.org"
    assert b"p1" not in row.SerializeToString()


# --- concurrency


moments = st.integers(0, 600).map(lambda seconds: START + timedelta(seconds=seconds))


@given(
    st.lists(st.builds(Span, moments, st.none() | moments), max_size=8),
    st.integers(1, 10),
)
@example([Span(START, START + MINUTE)], 2)
def test_levels_are_those_of_counting_second_by_second(spans: list[Span], minutes: int) -> None:
    end = START + minutes * MINUTE
    told = list(levels(spans, START, end, MINUTE))
    assert [at for at, _ in told] == [START + n * MINUTE for n in range(minutes)]
    for at, level in told:
        counts = [
            sum(s.start <= second and (s.end is None or s.end > second) for s in spans)
            for second in (at + timedelta(seconds=n) for n in range(60))
        ]
        assert level.most == max(counts)
        assert level.average == pytest.approx(sum(counts) / 60)
