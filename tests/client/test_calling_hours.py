"""Calling hours as they are written, sent and shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outdial.v1 import calling_hours_pb2 as pb
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import (
    CreateBatchResponse,
    GetBatchResponse,
    UpdateBatchResponse,
)

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import CallingHours, NewBatch, Pacing, Weekday, ZoneRule
from outdial_client._calling_hours import days_text, parse_days

BATCH_ID = "01900000-0000-7000-8000-00000000000b"
OFFICE = pb.CallingHours(days=[1, 2, 3, 4, 5], start="09:00", end="17:30")  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", [1, 2, 3, 4, 5]),
        ("Mon, wednesday,SUN", [1, 3, 7]),
        ("fri-mon", [1, 5, 6, 7]),
        ("sat", [6]),
        ("mon-sun", [1, 2, 3, 4, 5, 6, 7]),
        ("tue-tue", [2]),
    ],
)
def test_days_are_written_as_people_do(text: str, days: list[int]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "mo", "mon-", "mondays", "mon;tue", "1-5"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no day"):
        parse_days(text)


@given(st.sets(st.sampled_from(Weekday.values()[1:]), min_size=1))
def test_days_are_shown_as_they_can_be_written(days: set[int]) -> None:
    assert parse_days(days_text(days)) == sorted(days)


def test_a_batch_is_sent_with_its_hours() -> None:
    batch = NewBatch(
        agent_id="a",
        display_name="b",
        time_zone="Europe/Vienna",
        calling_hours=CallingHours(days="mon-fri", start="09:00", end="17:30"),
        zone_rule=ZoneRule.ZONE_RULE_RECIPIENT_ZONE,
    )
    assert batch.to_message() == Batch(
        agent_id="a",
        display_name="b",
        time_zone="Europe/Vienna",
        calling_hours=OFFICE,
        zone_rule=ZoneRule.ZONE_RULE_RECIPIENT_ZONE,
    )


def test_days_may_be_values_too() -> None:
    hours = CallingHours(days=[Weekday.WEEKDAY_SUNDAY], start="22:00", end="06:00")
    assert list(hours.to_message().days) == [7]


async def test_a_batch_is_made_with_hours(far_end: FarEnd, outdial: Outdial) -> None:
    agent = Agent(agent_id="a-1", display_name="Reminder")
    far_end.answer("ListAgents", ListAgentsResponse(agents=[agent]))
    far_end.answer("CreateBatch", CreateBatchResponse(batch=Batch(batch_id=BATCH_ID)))
    made = await outdial(
        *("batch", "create", "Monday", "--agent", "Reminder", "--hours", "09:00-17:30"),
        *("--days", "mon-fri", "--zone", "Europe/Vienna", "--recipient-zone"),
        *("--max-per-day", "500", "--pacing", "spread-over-days"),
    )
    assert made.exit_code == 0, made.output
    (request,) = far_end.requests("CreateBatch")
    assert request.batch == Batch(
        agent_id="a-1",
        display_name="Monday",
        time_zone="Europe/Vienna",
        calling_hours=OFFICE,
        zone_rule=ZoneRule.ZONE_RULE_RECIPIENT_ZONE,
        max_calls_per_day=500,
        pacing=Pacing.PACING_SPREAD_OVER_DAYS,
    )


async def test_hours_are_changed_and_taken_away(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("GetBatch", GetBatchResponse(batch=Batch(batch_id=BATCH_ID)))
    far_end.answer("UpdateBatch", UpdateBatchResponse(batch=Batch(batch_id=BATCH_ID)))
    update = ("batch", "update", BATCH_ID)
    await outdial(*update, "--hours", "22:00-06:00", "--zone", "UTC")
    await outdial(*update, "--clear", "calling_hours")
    changed, cleared = far_end.requests("UpdateBatch")
    assert changed.batch.calling_hours == pb.CallingHours(start="22:00", end="06:00")
    assert sorted(changed.update_mask.paths) == ["calling_hours", "time_zone"]
    assert not cleared.batch.HasField("calling_hours")
    assert list(cleared.update_mask.paths) == ["calling_hours"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--hours", "9 to 5"), "is not of the form 09:00-17:30"),
        (("--hours", "09:00-17:00", "--days", "noday"), "is no day"),
        (("--days", "mon"), "are those of --hours"),
    ],
)
async def test_hours_that_cannot_be_read_are_usage_errors(
    words: tuple[str, ...], fault: str, far_end: FarEnd, outdial: Outdial
) -> None:
    result = await outdial("batch", "update", BATCH_ID, *words)
    assert result.exit_code == 2
    assert fault in " ".join(result.stderr.split())


async def test_a_batch_is_shown_with_its_hours(far_end: FarEnd, outdial: Outdial) -> None:
    batch = Batch(
        batch_id=BATCH_ID,
        time_zone="Europe/Vienna",
        calling_hours=OFFICE,
        schedule_warning="HOURS_NEVER_OPEN",
    )
    far_end.answer("GetBatch", GetBatchResponse(batch=batch))
    shown = (await outdial("batch", "show", BATCH_ID)).stdout
    assert "09:00-17:30 mon-fri (Europe/Vienna)" in shown
    assert "the hours do not open before the window closes" in shown
