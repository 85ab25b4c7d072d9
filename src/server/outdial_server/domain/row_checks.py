"""A row of a list as it came, and its checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.address import AddressError, parse_address
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.checks import NO_ZONE, Checks, json_fault
from outdial_server.domain.errors import FieldViolation
from outdial_server.domain.medium import ANY_MEDIUM, Medium, MediumRule
from outdial_server.domain.scheduled_call import NewScheduledCall


@dataclass(slots=True)
class RawRow:
    """A row as it came, before any check. Not frozen: lists are long, and that would make it
    three times as slow to make."""

    address: str
    custom_id: str = ""
    time_zone: str = ""
    priority: int = 0
    caller_id: str = ""
    template_context_json: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    # What was found wrong with it on its way to us: the row is refused whatever it holds.
    faults: Sequence[FieldViolation] = ()
    ring_timeout: timedelta | None = None
    annotations_json: str = ""
    # Of a copied contact.
    contact_id: str = ""
    contact_folder_id: str = ""
    max_call_duration: timedelta | None = None
    carrier_params: Params = field(default_factory=dict)
    # None: that of the batch.
    medium: Medium | None = None
    # By id or name.
    carrier_config: str = ""


def check_row(
    row: RawRow,
    known_zones: frozenset[str],
    violations: list[FieldViolation],
    media: MediumRule = ANY_MEDIUM,
) -> NewScheduledCall | None:
    """The row in normal form, or None with its faults added, each under the name of its
    field. Most rows are plain, and lists are long: the common case makes no collector."""
    if row.faults:
        violations.extend(row.faults)
        return None
    try:
        address, normalized = parse_address(row.address)
    except AddressError as error:
        violations.append(FieldViolation("address", str(error)))
        return None
    caller_id = row.caller_id
    if not _has_plain_labels(row, known_zones):
        checks = Checks("", violations)
        before = len(violations)
        caller_id = checks.phone_number("caller_id", caller_id)
        checks.text("custom_id", row.custom_id, limits.CUSTOM_ID_MAX_CHARS)
        checks.number("priority", row.priority, 0, limits.PRIORITY_MAX)
        checks.metadata("metadata", row.metadata)
        if row.ring_timeout is not None:
            checks.ring_timeout(row.ring_timeout)
        if row.max_call_duration is not None:
            checks.max_call_duration(row.max_call_duration)
        checks.carrier_params(row.carrier_params)
        if row.time_zone and row.time_zone not in known_zones:
            checks.fault("time_zone", NO_ZONE)
        if len(violations) > before:
            return None
    fault = _fault_of_content(row, media)
    if fault is not None:
        violations.append(fault)
        return None
    # By place, as lists are long: by name it takes twice as long.
    return NewScheduledCall(
        address,
        normalized,
        row.custom_id,
        row.time_zone,
        row.priority,
        caller_id,
        row.template_context_json,
        row.metadata,
        _NUMBER_NOT_ASKED,
        row.ring_timeout,
        row.max_call_duration,
        row.annotations_json,
        row.contact_id,
        row.contact_folder_id,
        row.carrier_params,
        row.medium,
        row.carrier_config,
    )


_NUMBER_NOT_ASKED: Final = ""
"""For its zone."""


def _fault_of_content(row: RawRow, media: MediumRule) -> FieldViolation | None:
    if row.medium is not None:
        fault = media.fault(row.medium, has_config=bool(row.carrier_config))
        if fault:
            return FieldViolation("medium", fault)
    # Asked first whether there is any: most rows have none, and to ask costs next to nothing.
    context, annotations = row.template_context_json, row.annotations_json
    if context and (fault := json_fault(context, limits.TEMPLATE_CONTEXT_MAX_BYTES)):
        return FieldViolation("template_context", fault)
    if annotations and (fault := json_fault(annotations, limits.ANNOTATIONS_MAX_BYTES)):
        return FieldViolation("annotations", fault)
    return None


def _has_plain_labels(row: RawRow, known_zones: frozenset[str]) -> bool:
    """Whether none of these can have a fault, and there is no number to clean: a quick
    answer for most rows. The others are looked at one by one."""
    if (
        row.caller_id
        or row.ring_timeout is not None
        or row.max_call_duration is not None
        or row.carrier_params
        or not 0 <= row.priority <= limits.PRIORITY_MAX
    ):
        return False
    custom_id, zone, metadata = row.custom_id, row.time_zone, row.metadata
    if custom_id and (len(custom_id) > limits.CUSTOM_ID_MAX_CHARS or "\0" in custom_id):
        return False
    if zone and zone not in known_zones:
        return False
    return not metadata or _is_plain(metadata)


def _is_plain(metadata: Mapping[str, str]) -> bool:
    if len(metadata) > limits.METADATA_MAX_ENTRIES:
        return False
    for key, text in metadata.items():
        if not 0 < len(key) <= limits.METADATA_KEY_MAX_CHARS or "\0" in key:
            return False
        if len(text) > limits.METADATA_VALUE_MAX_CHARS or "\0" in text:
            return False
    return True
