"""Windows: what is sent to check and estimate them, and how it is shown."""

from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import (
    AddScheduledCallsResponse,
    CreateBatchResponse,
    EstimateWindowResponse,
    ImportScheduledCallsResponse,
    ListImportFindingsResponse,
    UpdateBatchResponse,
)
from outdial.v1.import_pb2 import Import

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client, LengthSource, NewBatch, NewCall, WindowCheck, WindowEstimate

BATCH_ID = "01900000-0000-7000-8000-00000000000b"
AGENT = Agent(agent_id="a-1", display_name="Reminder")
CALL = NewCall(address="+15551230001")

ESTIMATE = WindowEstimate(
    call_count=12_000,
    begin_time=Timestamp(seconds=1_800_000_000),
    smallest_window=Duration(seconds=7_384),
    earliest_window_end=Timestamp(seconds=1_800_007_444),
    fits=True,
    expected_call_duration=Duration(seconds=62),
    expected_from=LengthSource.LENGTH_SOURCE_HISTORY,
    slots=100,
)


def test_a_batch_says_how_long_its_calls_are_and_what_becomes_of_a_short_window() -> None:
    batch = NewBatch(
        agent_id="a",
        display_name="b",
        expected_call_duration=timedelta(seconds=90),
        window_check=WindowCheck.WINDOW_CHECK_WARN,
    )
    assert batch.to_message() == Batch(
        agent_id="a",
        display_name="b",
        expected_call_duration=Duration(seconds=90),
        window_check=WindowCheck.WINDOW_CHECK_WARN,
    )


async def test_requests_can_be_validated_only(far_end: FarEnd, client: Client) -> None:
    far_end.answer("CreateBatch", CreateBatchResponse(window_estimate=ESTIMATE))
    far_end.answer("AddScheduledCalls", AddScheduledCallsResponse(duplicate_count=1))
    far_end.answer("UpdateBatch", UpdateBatchResponse(batch=Batch(display_name="New")))
    new = NewBatch(agent_id="a", display_name="b")
    created = await client.batches.create(new, [CALL], validate_only=True)
    assert created.window_estimate == ESTIMATE
    await client.batches.add_calls(BATCH_ID, [CALL], validate_only=True)
    changed = Batch(batch_id=BATCH_ID, display_name="New")
    await client.batches.update(changed, ["display_name"], validate_only=True)
    for rpc in ("CreateBatch", "AddScheduledCalls", "UpdateBatch"):
        (request,) = far_end.requests(rpc)
        assert request.validate_only


async def test_a_window_is_estimated(far_end: FarEnd, client: Client) -> None:
    far_end.answer("EstimateWindow", EstimateWindowResponse(estimate=ESTIMATE))
    new = NewBatch(agent_id="a", display_name="", max_calls_per_day=500)
    assert await client.batches.estimate_window(new, 12_000) == ESTIMATE
    (request,) = far_end.requests("EstimateWindow")
    assert (request.call_count, request.batch.max_calls_per_day) == (12_000, 500)


async def test_the_command_estimates_a_window(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListAgents", ListAgentsResponse(agents=[AGENT]))
    far_end.answer("EstimateWindow", EstimateWindowResponse(estimate=ESTIMATE))
    result = await outdial(
        *("batch", "estimate", "12000", "--agent", "Reminder"),
        *("--expected-call-duration", "62", "--window-check", "warn"),
    )
    assert result.exit_code == 0, result.output
    (request,) = far_end.requests("EstimateWindow")
    assert request.batch == Batch(
        agent_id="a-1",
        expected_call_duration=Duration(seconds=62),
        window_check=WindowCheck.WINDOW_CHECK_WARN,
    )
    assert "2:03:04" in result.output
    assert "1:02 (history)" in result.output


async def test_what_takes_years_is_said_in_words(far_end: FarEnd, outdial: Outdial) -> None:
    endless = WindowEstimate()
    endless.CopyFrom(ESTIMATE)
    endless.ClearField("smallest_window")
    endless.ClearField("earliest_window_end")
    endless.fits = False
    far_end.answer("ListAgents", ListAgentsResponse(agents=[AGENT]))
    far_end.answer("EstimateWindow", EstimateWindowResponse(estimate=endless))
    result = await outdial("batch", "estimate", "12000", "--agent", "Reminder")
    assert "more than three years" in result.output


async def test_a_dry_run_makes_nothing_and_shows_what_would_be(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("ListAgents", ListAgentsResponse(agents=[AGENT]))
    would_be = Batch(display_name="Monday", schedule_warning="WINDOW_TOO_SHORT")
    far_end.answer("CreateBatch", CreateBatchResponse(batch=would_be))
    result = await outdial("batch", "create", "Monday", "--agent", "Reminder", "--dry-run")
    assert result.exit_code == 0, result.output
    (request,) = far_end.requests("CreateBatch")
    assert request.validate_only
    assert "the window closes before all can be called" in result.output
    assert "Nothing was made" in result.output


@pytest.mark.parametrize(
    ("warning", "words"),
    [
        ("HOURS_NEVER_OPEN", "the hours do not open before the window closes"),
        ("HOURS_OPEN_FOR_NOBODY", "the hours open in nobody's zone before the window closes"),
        ("A_LATER_ONE", "A_LATER_ONE"),
    ],
)
async def test_a_batch_that_is_taken_with_a_warning_says_so(
    far_end: FarEnd, outdial: Outdial, warning: str, words: str
) -> None:
    far_end.answer("ListAgents", ListAgentsResponse(agents=[AGENT]))
    made = Batch(batch_id="b-1", display_name="Monday", schedule_warning=warning)
    far_end.answer("CreateBatch", CreateBatchResponse(batch=made))
    result = await outdial("batch", "create", "Monday", "--agent", "Reminder")
    assert result.exit_code == 0, result.output
    assert f"Taken with a warning: {words}." in " ".join(result.output.split())


async def test_people_who_are_added_with_a_warning_are_told_of(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    batch = Batch(batch_id="b-1", schedule_warning="HOURS_OPEN_FOR_NOBODY")
    far_end.answer("AddScheduledCalls", AddScheduledCallsResponse(batch=batch))
    added = await outdial("batch", "add", "b-1", "+15551230001")
    told = {"import": Import(import_id="i-1", row_count=1, added_count=1)}
    far_end.answer("ImportScheduledCalls", ImportScheduledCallsResponse(**told, batch=batch))
    far_end.answer("ListImportFindings", ListImportFindingsResponse())
    file = tmp_path / "people.csv"
    file.write_text("phone\n+15551230001\n")
    imported = await outdial("batch", "append", "b-1", str(file))
    for result in (added, imported):
        assert result.exit_code == 0, result.output
        assert "nobody's zone" in " ".join(result.output.split())
