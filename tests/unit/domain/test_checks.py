"""Faults of what a client writes: each is named, none hides another."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain import limits
from outdial_server.domain.account import AccountChange
from outdial_server.domain.account_checks import check_account
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.agent_checks import check_agent
from outdial_server.domain.batch_checks import check_batch_settings
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.checks import Checks, RawRow, check_row
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError
from outdial_server.domain.scheduled_call import NewScheduledCall
from support.clock import START

ZONES = frozenset({"Europe/Vienna", "UTC"})
SECOND = timedelta(seconds=1)


def faults_of(settings: BatchSettings, *, end_is_new: bool = True) -> list[str]:
    checks = Checks("batch.")
    check_batch_settings(checks, settings, START, end_is_new=end_is_new)
    return [violation.field for violation in checks.violations]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "  "}, "display_name"),
        ({"display_name": "x" * (limits.BATCH_NAME_MAX_CHARS + 1)}, "display_name"),
        ({"priority": -1}, "priority"),
        ({"priority": limits.PRIORITY_MAX + 1}, "priority"),
        ({"weight": 0}, "weight"),
        ({"weight": limits.WEIGHT_MAX + 1}, "weight"),
        ({"max_concurrent_calls": 0}, "max_concurrent_calls"),
        ({"max_concurrent_calls": limits.CONCURRENT_CALLS_MAX + 1}, "max_concurrent_calls"),
        ({"ring_timeout": limits.RING_TIMEOUT_MIN - SECOND}, "ring_timeout"),
        ({"ring_timeout": limits.RING_TIMEOUT_MAX + SECOND}, "ring_timeout"),
        ({"ring_timeout": timedelta(seconds=10.5)}, "ring_timeout"),
        ({"max_call_duration": timedelta(0)}, "max_call_duration"),
        ({"max_call_duration": limits.CALL_DURATION_MAX + SECOND}, "max_call_duration"),
        ({"window_end": START}, "window_end"),
        ({"window_start": START + SECOND, "window_end": START + SECOND}, "window_end"),
        ({"metadata": {"": "x"}}, "metadata"),
        ({"metadata": {"k" * (limits.METADATA_KEY_MAX_CHARS + 1): "x"}}, "metadata"),
        ({"metadata": {"k": "x" * (limits.METADATA_VALUE_MAX_CHARS + 1)}}, "metadata[k]"),
        (
            {"metadata": {str(i): "" for i in range(limits.METADATA_MAX_ENTRIES + 1)}},
            "metadata",
        ),
    ],
)
def test_a_batch_outside_its_bounds_is_refused_by_field(
    changes: dict[str, Any], field: str
) -> None:
    settings = replace(BatchSettings("Reminders"), **changes)
    assert faults_of(settings) == [f"batch.{field}"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"priority": limits.PRIORITY_MAX, "weight": limits.WEIGHT_MAX},
        {"max_concurrent_calls": 1},
        {"max_concurrent_calls": limits.CONCURRENT_CALLS_MAX},
        {"ring_timeout": limits.RING_TIMEOUT_MIN, "max_call_duration": limits.CALL_DURATION_MIN},
        {"ring_timeout": limits.RING_TIMEOUT_MAX, "max_call_duration": limits.CALL_DURATION_MAX},
        {"window_start": START - SECOND, "window_end": START + SECOND},
        {"metadata": {str(i): "" for i in range(limits.METADATA_MAX_ENTRIES)}},
    ],
)
def test_a_batch_at_its_bounds_is_taken(changes: dict[str, Any]) -> None:
    assert faults_of(BatchSettings("Reminders", **changes)) == []


def test_all_faults_come_in_one_answer() -> None:
    settings = BatchSettings("", priority=99, weight=0, window_end=START)
    assert faults_of(settings) == [
        "batch.display_name",
        "batch.priority",
        "batch.weight",
        "batch.window_end",
    ]


@pytest.mark.parametrize("end", [START, START - SECOND])
def test_a_window_that_has_closed_meanwhile_does_not_forbid_other_edits(end: datetime) -> None:
    settings = BatchSettings("Reminders", window_end=end)
    assert faults_of(settings, end_is_new=False) == []
    early = replace(settings, window_start=end)
    assert faults_of(early, end_is_new=False) == ["batch.window_end"]


def test_agents_and_accounts_have_their_bounds() -> None:
    checks = Checks("agent.")
    check_agent(checks, AgentFields("", 0, {"": ""}))
    checks.prefix = "account."
    check_account(checks, AccountChange("", 0, -1))
    assert [violation.field for violation in checks.violations] == [
        "agent.display_name",
        "agent.max_concurrent_calls",
        "agent.metadata",
        "account.display_name",
        "account.max_concurrent_calls",
        "account.reserved_slots",
    ]


def test_what_an_account_change_leaves_out_is_not_checked() -> None:
    checks = Checks()
    check_account(checks, AccountChange())
    checks.raise_if_any()


def test_faults_are_raised_together_and_bounded() -> None:
    checks = Checks()
    for number in range(limits.FIELD_VIOLATIONS_MAX + 1):
        checks.fault(f"field_{number}", "is wrong")
    with pytest.raises(InvalidFieldsError, match=r"^field_0: is wrong \(and 100 more\)$") as raised:
        checks.raise_if_any()
    assert len(raised.value.violations) == limits.FIELD_VIOLATIONS_MAX


# --- rows ----------------------------------------------------------------------

METADATA = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3)


def checked(row: RawRow) -> tuple[NewScheduledCall | None, list[FieldViolation]]:
    violations: list[FieldViolation] = []
    return check_row(row, ZONES, violations), violations


@given(
    address=st.sampled_from(("+1 555 123 0001", "5551230001", "", "sip:a@b")),
    custom_id=st.sampled_from(("", "7", "x" * 257)),
    time_zone=st.sampled_from(("", "Europe/Vienna", "Mars/Olympus")),
    priority=st.integers(-1, 10),
    caller_id=st.sampled_from(("", "+1 555 000 0001", "nobody")),
    template_context_json=st.sampled_from(("", "{}", "x" * (64 * 1024 + 1))),
    metadata=METADATA,
)
def test_a_row_is_taken_whole_or_refused_with_its_faults(
    **fields: str | int | Mapping[str, str],
) -> None:
    row = RawRow(**fields)  # type: ignore[arg-type]
    taken, violations = checked(row)
    assert (taken is None) == bool(violations)
    names = set(RawRow.__dataclass_fields__) | {"template_context"}
    assert all(v.field.partition("[")[0] in names for v in violations)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "5551230001"}, "address"),
        ({"caller_id": "nobody"}, "caller_id"),
        ({"custom_id": "x" * (limits.CUSTOM_ID_MAX_CHARS + 1)}, "custom_id"),
        ({"priority": limits.PRIORITY_MAX + 1}, "priority"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"metadata": {"": "x"}}, "metadata"),
        (
            {"template_context_json": "x" * (limits.TEMPLATE_CONTEXT_MAX_BYTES + 1)},
            "template_context",
        ),
        (
            {"template_context_json": "ü" * (limits.TEMPLATE_CONTEXT_MAX_BYTES // 2 + 1)},
            "template_context",
        ),
    ],
)
def test_each_fault_of_a_row_names_its_field(changes: dict[str, Any], field: str) -> None:
    taken, violations = checked(replace(RawRow("+15551230001"), **changes))
    assert taken is None
    assert [violation.field for violation in violations] == [field]


def test_a_row_is_stored_in_normal_form() -> None:
    taken, _ = checked(
        RawRow("+1 (555) 123-0001", "7", "Europe/Vienna", 3, "+1 555 000 0001", "{}", {"a": "b"})
    )
    assert taken is not None
    assert (taken.address, taken.normalized_address) == ("+15551230001", "+15551230001")
    assert (taken.caller_id, taken.time_zone, taken.priority) == (
        "+15550000001",
        "Europe/Vienna",
        3,
    )
    assert (taken.custom_id, taken.template_context_json, taken.metadata) == ("7", "{}", {"a": "b"})


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (RawRow("+15551", custom_id="a\0b"), "custom_id"),
        (RawRow("+15551", metadata={"k\0": "x"}), "metadata"),
        (RawRow("+15551", metadata={"k": "\0"}), "metadata[k]"),
        (RawRow("+15551", template_context_json='{"name":"a\\u0000"}'), "template_context"),
        (RawRow("+15551", template_context_json='{"a\\\\\\u0000":1}'), "template_context"),
        (RawRow("sip:a\0b@example.net"), "address"),
        (RawRow("sip:a@exa\0mple.net"), "address"),
        (RawRow("+15551\0"), "address"),
        (RawRow("+15551", caller_id="+15552\0"), "caller_id"),
        (RawRow("+15551", time_zone="UTC\0"), "time_zone"),
    ],
)
def test_nul_characters_in_a_row_are_refused_by_field(row: RawRow, field: str) -> None:
    taken, violations = checked(row)
    assert taken is None
    assert [violation.field for violation in violations] == [field]


def test_text_that_only_looks_like_an_escaped_nul_character_is_taken() -> None:
    taken, violations = checked(RawRow("+15551", template_context_json='{"a":"\\\\u0000"}'))
    assert taken is not None
    assert violations == []


def test_nul_characters_in_names_and_metadata_are_refused_by_field() -> None:
    says = "must not contain NUL characters"
    batch, agent, account = Checks(), Checks(), Checks()
    check_batch_settings(batch, BatchSettings("a\0b", metadata={"k": "\0"}), START)
    assert [(v.field, v.description) for v in batch.violations] == [
        ("display_name", says),
        ("metadata[k]", says),
    ]
    check_agent(agent, AgentFields("a\0b", None, {"\0": ""}))
    assert [(v.field, v.description) for v in agent.violations] == [
        ("display_name", says),
        ("metadata", f"keys {says}"),
    ]
    check_account(account, AccountChange(display_name="\0"))
    assert [(v.field, v.description) for v in account.violations] == [("display_name", says)]
