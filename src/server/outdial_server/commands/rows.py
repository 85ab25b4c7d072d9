"""Checks a list of rows, in slices, so that a long list never holds the event loop."""

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Final
from zoneinfo import available_timezones

from outdial_server.domain.checks import RawRow, check_row
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, invalid_field
from outdial_server.domain.limits import FIELD_VIOLATIONS_MAX, SCHEDULED_CALLS_PER_REQUEST_MAX
from outdial_server.domain.scheduled_call import NewScheduledCall

_SLICE_ROWS: Final = 500
"""About 5 ms of work between two turns of the event loop."""

_KNOWN_ZONES: Final = frozenset(available_timezones())


async def check_rows(raw: Iterable[RawRow]) -> list[NewScheduledCall]:
    """All rows in normal form. Raises InvalidFieldsError naming each fault as
    `scheduled_calls[INDEX].FIELD`, the first `FIELD_VIOLATIONS_MAX` of them."""
    rows: list[NewScheduledCall] = []
    violations: list[FieldViolation] = []
    numbered = enumerate(raw)
    while piece := list(islice(numbered, _SLICE_ROWS)):
        if piece[-1][0] >= SCHEDULED_CALLS_PER_REQUEST_MAX:
            most = SCHEDULED_CALLS_PER_REQUEST_MAX
            raise invalid_field("scheduled_calls", f"must not have more than {most} entries")
        for index, row in piece:
            checked = check_row(row, index, _KNOWN_ZONES, violations)
            if checked is not None:
                rows.append(checked)
        if len(violations) >= FIELD_VIOLATIONS_MAX:
            break
        await asyncio.sleep(0)
    if violations:
        raise InvalidFieldsError(violations)
    return rows
