"""Checks of what a client writes. Faults are collected, so that one answer names all."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.address import AddressError, clean_phone_number
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError

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


_BYTES_PER_CHAR_MAX: Final = 4


def json_fault(json: str, most_bytes: int) -> str:
    may_be_long = len(json) * _BYTES_PER_CHAR_MAX > most_bytes
    if may_be_long and len(json.encode()) > most_bytes:
        return f"must not be larger than {most_bytes // 1024} KiB as JSON"
    # The plain search is much the faster one, and nearly always enough.
    has_nul = "\\u0000" in json and _ESCAPED_NUL.search(json)
    return NO_NUL if has_nul or "\0" in json else ""
