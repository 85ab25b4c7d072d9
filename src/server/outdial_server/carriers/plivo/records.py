"""What Plivo has on record of its calls, as it answers to GET."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from outdial_server.carriers.answers import field
from outdial_server.carriers.moments import moment_in
from outdial_server.outgoing.answer import Answer
from outdial_server.ports.carrier import CallQuery

UUID: Final = re.compile(r"[0-9A-Za-z-]{8,64}")
"""Never less: a DELETE of no call at all ends all calls of the account."""

CLOCKS_APART: Final = timedelta(seconds=30)
"""How much earlier than our request a call may have been made by Plivo's clock."""

PAGE_MOST: Final = 20

TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
"""In UTC."""


def object_of(answer: Answer) -> dict[str, Any]:
    """Raises ValueError for anything but a whole answer."""
    found = orjson.loads(answer.body)
    if not answer.is_success or not isinstance(found, dict):
        raise ValueError(f"HTTP {answer.status}")
    return found


def uuids_in(answer: Answer) -> list[str]:
    """Raises ValueError for anything but a list of calls that are queued or go on."""
    calls = field(answer, "calls")
    if not answer.is_success or not isinstance(calls, list):
        raise ValueError("not a list of calls")
    return [call for call in calls if isinstance(call, str) and UUID.fullmatch(call)]


def records_in(answer: Answer) -> list[dict[str, Any]]:
    """Raises ValueError for anything but a list of calls that have ended."""
    records = field(answer, "objects")
    if not answer.is_success or not isinstance(records, list):
        raise ValueError("not a list of calls")
    return [record for record in records if isinstance(record, dict)]


def is_between(query: CallQuery, to: object, caller_id: object) -> bool:
    """Plivo shows numbers without their plus."""
    if _digits(to) != _digits(query.address):
        return False
    return not query.caller_id or _digits(caller_id) == _digits(query.caller_id)


def _digits(number: object) -> str:
    return str(number).removeprefix("+")


def number_in(shown: object) -> str:
    """As one is written elsewhere. Raises ValueError for none."""
    if not isinstance(shown, str) or not shown:
        raise ValueError("a call to nobody")
    return f"+{shown}" if shown.isdigit() else shown


def made_at(record: Mapping[str, object]) -> datetime | None:
    """None where it does not say."""
    return moment_in(record.get("initiation_time"))
