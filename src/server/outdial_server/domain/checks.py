"""Checks of what a client writes. Faults are collected, so that one answer names all."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.address import AddressError, clean_phone_number, parse_address
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError
from outdial_server.domain.medium import ANY_MEDIUM, Medium, MediumRule
from outdial_server.domain.scheduled_call import NewScheduledCall

NO_NUL: Final = "must not contain NUL characters"
"""PostgreSQL has no text with them."""

NO_ZONE: Final = "is no IANA time zone, like Europe/Vienna"

_ESCAPED_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""In JSON. With another backslash before it, it is no escape but text."""


@dataclass(slots=True)
class Checks:
    """Collects faults under a path prefix, for example `batch.`."""

    prefix: str = ""
    violations: list[FieldViolation] = field(default_factory=list)

    def fault(self, name: str, description: str) -> None:
        self.violations.append(FieldViolation(self.prefix + name, description))

    def text(self, name: str, value: str, most: int, least: int = 0) -> None:
        if least and not value.strip():
            self.fault(name, "is required")
        elif len(value) > most:
            self.fault(name, f"must not be longer than {most} characters")
        elif "\0" in value:
            self.fault(name, NO_NUL)

    def number(self, name: str, value: float | None, least: float, most: float) -> None:
        # Written so that a number that is none is a fault, too.
        if value is not None and not least <= value <= most:
            self.fault(name, f"must be from {least} to {most}")

    def at_most(self, name: str, count: int, most: int) -> None:
        if count > most:
            self.fault(name, f"must not be more than {most}")

    def duration(self, name: str, value: timedelta, least: timedelta, most: timedelta) -> None:
        if not least <= value <= most or value.microseconds:
            low, high = least.total_seconds(), most.total_seconds()
            self.fault(name, f"must be from {low:.0f} s to {high:.0f} s, in whole seconds")

    def metadata(self, name: str, value: Mapping[str, str]) -> None:
        if len(value) > limits.METADATA_MAX_ENTRIES:
            self.fault(name, f"must not have more than {limits.METADATA_MAX_ENTRIES} entries")
        for key, text in value.items():
            if not key or len(key) > limits.METADATA_KEY_MAX_CHARS:
                self.fault(name, f"keys must have 1 to {limits.METADATA_KEY_MAX_CHARS} characters")
            elif "\0" in key:
                self.fault(name, f"keys {NO_NUL}")
            elif len(text) > limits.METADATA_VALUE_MAX_CHARS:
                self.fault(
                    f"{name}[{key}]",
                    f"must not be longer than {limits.METADATA_VALUE_MAX_CHARS} characters",
                )
            elif "\0" in text:
                self.fault(f"{name}[{key}]", NO_NUL)

    def phone_number(self, name: str, value: str) -> str:
        """A caller ID in normal form; empty stays empty."""
        if not value:
            return ""
        try:
            return clean_phone_number(value)
        except AddressError as error:
            self.fault(name, str(error))
            return ""

    def phone_numbers(self, name: str, values: Sequence[str]) -> tuple[str, ...]:
        """Ids, and E.164 forms in normal form."""
        most = limits.NUMBERS_PER_POOL_MAX
        if len(values) > most:
            self.fault(name, f"must not be more than {most} numbers")
        named = []
        for index, value in enumerate(values[:most]):
            path = f"{name}[{index}]"
            self.text(path, value, limits.PHONE_NUMBER_TEXT_MAX_CHARS, least=1)
            is_id = not value.strip().startswith("+")
            named.append(value if is_id else self.phone_number(path, value.strip()))
        return tuple(named)

    def json_object(self, name: str, text: str, most_bytes: int) -> None:
        fault = json_fault(text, most_bytes)
        if fault:
            self.fault(name, fault)

    def carrier_params(self, params: Params) -> None:
        """As far as they are the same for all carriers."""
        if params:
            text = json.dumps(params, ensure_ascii=False, separators=(",", ":"))
            self.json_object("carrier_params", text, limits.CARRIER_PARAMS_MAX_BYTES)

    def ring_timeout(self, length: timedelta) -> None:
        self.duration("ring_timeout", length, limits.RING_TIMEOUT_MIN, limits.RING_TIMEOUT_MAX)

    def max_call_duration(self, length: timedelta) -> None:
        least, most = limits.CALL_DURATION_MIN, limits.CALL_DURATION_MAX
        self.duration("max_call_duration", length, least, most)

    def raise_if_any(self) -> None:
        if self.violations:
            raise InvalidFieldsError(self.violations)


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
    return NewScheduledCall(
        address,
        normalized,
        row.custom_id,
        row.time_zone,
        row.priority,
        caller_id,
        row.template_context_json,
        row.metadata,
        ring_timeout=row.ring_timeout,
        contact_id=row.contact_id,
        contact_folder_id=row.contact_folder_id,
        annotations_json=row.annotations_json,
        max_call_duration=row.max_call_duration,
        carrier_params=row.carrier_params,
        medium=row.medium,
        carrier_config=row.carrier_config,
    )


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


_BYTES_PER_CHAR_MAX: Final = 4


def json_fault(json: str, most_bytes: int) -> str:
    may_be_long = len(json) * _BYTES_PER_CHAR_MAX > most_bytes
    if may_be_long and len(json.encode()) > most_bytes:
        return f"must not be larger than {most_bytes // 1024} KiB as JSON"
    # The plain search is much the faster one, and nearly always enough.
    has_nul = "\\u0000" in json and _ESCAPED_NUL.search(json)
    return NO_NUL if has_nul or "\0" in json else ""
