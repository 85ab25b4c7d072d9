"""Results: streamed over breaks, and as files that are safe to open."""

import csv
import io
import json
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from outdial.v1.scheduled_call_pb2 import (
    ScheduledCall,
    ScheduledCallState,
)
from outdial.v1.scheduled_call_service_pb2 import (
    RetryScheduledCallResponse,
    ScheduledCallResult,
)

from client.far_end import FarEnd, Refusal, Silence
from client.transfers import REACHED, message, row
from outdial_client import (
    Client,
    ExportProgress,
    NotFoundError,
    UnavailableError,
    WatchInterruption,
    WatchTiming,
)
from outdial_client._phone import is_e164
from outdial_client._spreadsheet import safe_cell


async def at_once(seconds: float) -> None:
    pass


TIMING = WatchTiming(faults_allowed=3, sleep=at_once)


async def positions(client: Client, **options: Any) -> list[int]:
    export = client.scheduled_calls.export("b-1", timing=TIMING, **options)
    return [result.scheduled_call.position async for result in export]


async def test_a_broken_stream_goes_on_behind_the_last_row(far_end: FarEnd, client: Client) -> None:
    far_end.stream(
        "ExportScheduledCalls",
        [message(row(3), row(4)), Refusal(reason="SERVER_DRAINING", retry_after=timedelta(0))],
        [Refusal()],
        [message(row(7)), message(row(9))],
    )
    told: list[WatchInterruption] = []
    states = [ScheduledCallState.SCHEDULED_CALL_STATE_FAILED]
    found = await positions(client, from_position=2, states=states, on_interruption=told.append)
    assert found == [3, 4, 7, 9]
    requests = far_end.requests("ExportScheduledCalls")
    assert [request.from_position for request in requests] == [2, 5, 5]
    assert all(list(request.states) == states for request in requests)
    assert [interruption.failures for interruption in told] == [1, 2]


async def test_breaks_without_progress_come_to_an_end(far_end: FarEnd, client: Client) -> None:
    far_end.stream("ExportScheduledCalls", [message(row(0)), Refusal()], *[[Refusal()]] * 3)
    export = client.scheduled_calls.export("b-1", timing=TIMING)
    assert (await anext(export)).scheduled_call.position == 0
    with pytest.raises(UnavailableError):
        await anext(export)
    assert len(far_end.requests("ExportScheduledCalls")) == 4
    assert export.next_position == 1


async def test_what_waiting_does_not_mend_is_raised(far_end: FarEnd, client: Client) -> None:
    gone = Refusal(code=grpc.StatusCode.NOT_FOUND)
    far_end.stream("ExportScheduledCalls", [message(row(0)), gone])
    with pytest.raises(NotFoundError):
        await positions(client)
    assert len(far_end.requests("ExportScheduledCalls")) == 1


async def test_an_export_that_is_left_closes_its_stream(far_end: FarEnd, client: Client) -> None:
    far_end.stream("ExportScheduledCalls", [message(row(0), row(1)), Silence()])
    async with client.scheduled_calls.export("b-1") as export:
        async for _ in export:
            break
    assert [result async for result in export] == []
    assert export.next_position == 1


async def test_rows_are_given_in_the_groups_that_they_came_in(
    far_end: FarEnd, client: Client
) -> None:
    far_end.stream("ExportScheduledCalls", [message(row(0), row(1)), message(), message(row(2))])
    export = client.scheduled_calls.export("b-1")
    assert [len(await export.read()) for _ in range(3)] == [2, 1, 0]


async def test_a_csv_file_has_what_came_of_each_row(
    far_end: FarEnd, client: Client, tmp_path: Path
) -> None:
    far_end.stream("ExportScheduledCalls", [message(row(1, name="Bob")), message(REACHED)])
    told: list[ExportProgress] = []
    target = tmp_path / "results.csv"
    assert await client.scheduled_calls.export_csv("b-1", target, on_progress=told.append) == 2
    assert told == [ExportProgress(rows_written=1), ExportProgress(rows_written=2)]
    first, second = csv.DictReader(target.read_text().splitlines())
    assert (first["context.name"], first["context.tags"], first["metadata.city"]) == ("Bob", "", "")
    assert (first["disposition"], first["end_time"], first["talk_seconds"]) == ("", "", "")
    assert second["address"] == "+15551230001"
    assert second["custom_id"] == "'=C-1"
    assert second["state"] == "completed"
    assert second["disposition"] == "answered_human"
    assert second["attempts"] == "2"
    assert second["caller_id"] == "+15550001111"
    assert second["answer_time"] == "2027-03-01T12:00:03.250000Z"
    assert (second["ring_seconds"], second["talk_seconds"]) == ("2.25", "6.25")
    assert (second["carrier_call_id"], second["metadata.city"]) == ("SIM1", "Graz")
    assert (second["context.name"], second["context.visits"]) == ("Zoë", "2")
    assert second["context.tags"] == '["a", "b"]'


async def test_columns_from_a_list_stand_by_name_in_every_file(
    far_end: FarEnd, client: Client
) -> None:
    names = [f"n{number}" for number in range(9)]
    call = ScheduledCall(metadata=dict.fromkeys(names, "x"))
    call.template_context.update(dict.fromkeys(names, "x"))
    result = ScheduledCallResult(scheduled_call=call)
    far_end.stream("ExportScheduledCalls", [message(result)])
    file = io.BytesIO()
    await client.scheduled_calls.export_csv("b-1", file)
    header = file.getvalue().decode().splitlines()[0].split(",")
    assert header[-18:] == [
        f"{group}.{name}" for group in ("context", "metadata") for name in names
    ]
    far_end.stream("ExportScheduledCalls", [message(result)])
    file = io.BytesIO()
    await client.scheduled_calls.export_json_lines("b-1", file)
    written = json.loads(file.getvalue())
    assert [list(written[group]) for group in ("template_context", "metadata")] == [names, names]


async def test_chosen_columns_come_in_their_order(far_end: FarEnd, client: Client) -> None:
    far_end.stream("ExportScheduledCalls", [message(REACHED, row(1))])
    target = io.BytesIO()
    columns = ["context.name", "metadata.none", "address"]
    await client.scheduled_calls.export_csv("b-1", target, columns=columns)
    assert target.getvalue().decode() == (
        "context.name,metadata.none,address\nZoë,,+15551230001\n,,+15550000001\n"
    )


async def test_a_column_that_is_none_is_refused_before_anything_is_asked(
    far_end: FarEnd, client: Client
) -> None:
    with pytest.raises(ValueError, match="no column is called 'outcome'"):
        await client.scheduled_calls.export_csv("b-1", io.BytesIO(), columns=["outcome"])
    assert far_end.requests("ExportScheduledCalls") == []


async def test_too_many_different_names_are_refused(far_end: FarEnd, client: Client) -> None:
    names = {f"name {index}": "x" for index in range(2_001)}
    far_end.stream("ExportScheduledCalls", [message(row(0, **names))])
    with pytest.raises(ValueError, match="more than 2000 different"):
        await client.scheduled_calls.export_csv("b-1", io.BytesIO())


async def test_a_failure_leaves_the_file_that_was_there(
    far_end: FarEnd, client: Client, tmp_path: Path
) -> None:
    target = tmp_path / "results.csv"
    target.write_text("of yesterday")
    gone = Refusal(code=grpc.StatusCode.NOT_FOUND)
    far_end.stream("ExportScheduledCalls", [message(row(0)), gone])
    with pytest.raises(NotFoundError):
        await client.scheduled_calls.export_json_lines("b-1", target)
    assert [path.name for path in files_in(tmp_path)] == ["results.csv"]
    assert target.read_text() == "of yesterday"


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_json_lines_have_objects_and_nulls(far_end: FarEnd, client: Client) -> None:
    far_end.stream("ExportScheduledCalls", [message(REACHED, row(1))])
    target = io.BytesIO()
    assert await client.scheduled_calls.export_json_lines("b-1", target) == 2
    first, second = map(json.loads, target.getvalue().decode().splitlines())
    assert first["custom_id"] == "=C-1"
    assert first["template_context"] == {"name": "Zoë", "visits": 2, "tags": ["a", "b"]}
    assert first["metadata"] == {"city": "Graz"}
    assert first["annotations"] == {"origin": {"row": 7}}
    assert first["talk_seconds"] == 6.25
    assert (second["disposition"], second["end_time"], second["call_id"]) == (None, None, None)


# The four that start formulas, full-width and small: some spreadsheets fold them.
FOLDED = "\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b"


@given(st.text(st.sampled_from("=+-@" + FOLDED + "\t\r\n\u200b\ufeff 0123aé'")))
@example("+15551230001")
@example("+1555-HYPERLINK()")
@example("\uff1d1+1")
@example(" =1")
def test_no_cell_is_run_as_a_formula(text: str) -> None:
    safe = safe_cell(text)
    assert safe in (text, f"'{text}")
    if safe and not is_e164(safe):
        assert safe[0] not in "\t\r\n"
        seen = unicodedata.normalize("NFKC", safe).lstrip(" \t\r\n\u200b\ufeff")
        assert not seen.startswith(("=", "+", "-", "@"))


@given(st.text(st.characters(categories=["L", "N", "Po"], exclude_characters="@" + FOLDED)))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


async def test_somebody_is_called_once_more(far_end: FarEnd, client: Client) -> None:
    answer = RetryScheduledCallResponse(scheduled_call=ScheduledCall(scheduled_call_id="s-1"))
    far_end.answer("RetryScheduledCall", answer)
    assert (await client.scheduled_calls.retry("s-1")).scheduled_call_id == "s-1"


async def test_json_lines_have_what_was_said_where_it_is_asked_for(
    far_end: FarEnd, client: Client
) -> None:
    told = ScheduledCallResult()
    told.CopyFrom(REACHED)
    told.call.conversation.summary = "Ada will come."
    told.call.conversation.collected.add(name="guests").value.number_value = 2
    far_end.stream("ExportScheduledCalls", [message(told, row(1))])
    file = io.BytesIO()
    await client.scheduled_calls.export_json_lines("b-1", file, with_conversations=True)
    first, second = map(json.loads, file.getvalue().decode().splitlines())
    assert first["conversation"] == {
        "summary": "Ada will come.",
        "collected": [{"name": "guests", "value": 2}],
    }
    assert second["conversation"] is None
    assert far_end.requests("ExportScheduledCalls")[0].with_conversations
