"""What Truedy's documents say of one field, as the core has it and back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outdial.v1 import batch_pb2, scheduled_call_pb2

from outdial_server.domain.errors import InvalidFieldsError
from outdial_server.gateway.truedy import retries, schedules
from outdial_server.gateway.truedy.field_names import field_name
from outdial_server.gateway.truedy.ids import core_id
from outdial_server.gateway.truedy.retries import Retries, retries_of


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("batch.display_name", "name"),
        ("batch.window_start", "scheduled_at"),
        ("batch.calling_hours.start", "start_time"),
        ("batch.phone_numbers[2]", "phone_number_ids[2]"),
        ("batch.time_zone", "timezone"),
        ("scheduled_calls[6].address", "contacts[6].phone_number"),
        ("scheduled_calls[6].template_context.first_name", "contacts[6].first_name"),
        ("scheduled_calls[6].template_context.address", "contacts[6].custom_fields.address"),
        ("scheduled_calls[6].template_context", "contacts[6].custom_fields"),
        ("contacts[01-ab].template_context.city", "contacts[01-ab].custom_fields.city"),
        ("contact.address", "phone_number"),
        ("template_context.start", "variables.start"),
        ("request_id", "X-Idempotency-Key"),
        ("body", "body"),
    ],
)
def test_fields_have_the_names_of_the_documents(path: str, name: str) -> None:
    assert field_name(path) == name


def test_ids_are_taken_with_every_documented_prefix_and_without() -> None:
    for prefix in ("batch_", "camp_", "agt_", "num_", "ctc_", "cnt_", "contact_", "folder_", ""):
        assert core_id(f"{prefix}01a2") == "01a2"
    assert core_id("batch_batch_1") == "batch_1"
    assert core_id("other_1") == "other_1"


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2031-03-03T09:00:00", "America/New_York", datetime(2031, 3, 3, 14, tzinfo=UTC)),
        ("2031-03-03 09:00", "UTC", datetime(2031, 3, 3, 9, tzinfo=UTC)),
        ("2031-03-03T09:00:00Z", "America/New_York", datetime(2031, 3, 3, 9, tzinfo=UTC)),
        ("2031-03-03T09:00:00.5+01:00", "UTC", datetime(2031, 3, 3, 8, 0, 0, 500_000, tzinfo=UTC)),
        # Skipped, and twice there.
        ("2026-03-29T02:30:00", "Europe/Vienna", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026-10-25T02:30:00", "Europe/Vienna", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_local_time_is_one_of_the_zone(text: str, zone: str, moment: datetime) -> None:
    assert schedules.moment(text, zone).ToDatetime(UTC) == moment


@pytest.mark.parametrize(
    ("text", "zone", "field"),
    [
        ("2031-02-30T09:00:00", "UTC", "scheduled_at"),
        ("0001-01-01T00:00:00+14:00", "UTC", "scheduled_at"),
        ("9999-12-31T23:59:59", "Pacific/Niue", "scheduled_at"),
        ("2031-03-03T09:00:00", "Mars/Olympus", "timezone"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, zone: str, field: str) -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        schedules.moment(text, zone)
    assert [fault.field for fault in caught.value.violations] == [field]


def test_without_times_a_day_is_whole() -> None:
    hours = schedules.hours(None, None, [1, 7])
    assert (hours.start, hours.end, list(hours.days)) == ("00:00", "24:00", [1, 7])
    assert (schedules.start_time(hours), schedules.end_time(hours)) == (None, None)
    hours = schedules.hours("09:00", None, [1])
    assert (schedules.start_time(hours), schedules.end_time(hours)) == ("09:00", None)


@pytest.mark.parametrize("end", ["09:00", "08:59"])
def test_a_day_ends_after_it_has_begun(end: str) -> None:
    with pytest.raises(InvalidFieldsError, match="end_time"):
        schedules.hours("09:00", end, [1])


def test_retries_follow_ends_without_an_answer() -> None:
    policy = retries.policy(Retries(retry_failed=True, max_attempts=2))
    assert policy is not None
    assert policy.max_attempts == 3
    assert {rule.disposition for rule in policy.rules} == {
        scheduled_call_pb2.DISPOSITION_NO_ANSWER,
        scheduled_call_pb2.DISPOSITION_BUSY,
        scheduled_call_pb2.DISPOSITION_REJECTED,
        scheduled_call_pb2.DISPOSITION_FAILED,
    }
    assert all([each.seconds for each in rule.delays] == [900, 900] for rule in policy.rules)


@given(st.booleans(), st.integers(0, 3))
def test_what_is_said_of_retries_is_given_back(retry_failed: bool, attempts: int) -> None:
    said = Retries(retry_failed, attempts)
    batch = batch_pb2.Batch(retry_policy=retries.policy(said))
    retries.note(batch.annotations, said)
    assert retries_of(batch) == said


@pytest.mark.parametrize("value", [None, "x", [1], {"a": 1}, -1.0, 1e300])
def test_whatever_others_write_into_annotations_is_read(value: Any) -> None:
    batch = batch_pb2.Batch()
    batch.annotations["truedy.retry_failed"] = value
    batch.annotations["truedy.max_retry_attempts"] = value
    told = retries_of(batch)
    assert (told.retry_failed, told.max_attempts in range(4)) == (False, True)
