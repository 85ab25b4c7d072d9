"""Faults of a row: each is named by its field."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain import limits
from outdial_server.domain.errors import FieldViolation
from outdial_server.domain.medium import Medium
from outdial_server.domain.row_checks import RawRow, check_row
from outdial_server.domain.scheduled_call import NewScheduledCall

ZONES = frozenset({"Europe/Vienna", "UTC"})
SECOND = timedelta(seconds=1)


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


def test_each_value_of_a_row_is_found_under_its_name_again() -> None:
    row = RawRow(
        address="+15550001234",
        custom_id="custom",
        time_zone="Europe/Vienna",
        priority=3,
        caller_id="+15550009999",
        template_context_json='{"context": 1}',
        metadata={"key": "text"},
        ring_timeout=timedelta(seconds=20),
        annotations_json='{"annotation": 1}',
        contact_id="contact",
        contact_folder_id="folder",
        max_call_duration=timedelta(seconds=600),
        carrier_params={"param": 1},
        medium=Medium.WEBHOOK,
        carrier_config="config",
    )
    made, violations = checked(row)
    assert not violations
    raw = {field.name: getattr(row, field.name) for field in fields(RawRow)}
    del raw["faults"]
    assert made == NewScheduledCall(normalized_address=row.address, number_zone="", **raw)


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
