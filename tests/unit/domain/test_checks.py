"""Faults of what a client writes: each is named, none hides another."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from outdial_server.domain import limits
from outdial_server.domain.account import AccountChange
from outdial_server.domain.account_checks import check_account
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.agent_checks import check_agent
from outdial_server.domain.batch_checks import check_batch_settings
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import InvalidFieldsError
from support.clock import START

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
