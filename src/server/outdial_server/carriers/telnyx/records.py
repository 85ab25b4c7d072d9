"""What Telnyx has on record of its calls, as it answers to GET."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

import orjson

from outdial_server.carriers.answers import field
from outdial_server.carriers.telnyx.create import call_id_in
from outdial_server.carriers.telnyx.events import TelnyxEvent
from outdial_server.domain.ids import CallId
from outdial_server.outgoing.answer import Answer

CLOCKS_APART: Final = timedelta(seconds=30)
"""How much earlier than our request a call may have been made by Telnyx's clock."""

PAGE_MOST: Final = 250

_DEEPEST: Final = 4


class LegRecord(NamedTuple):
    """A call, as its status or the list of active calls shows it."""

    carrier_call_id: str
    leg_id: str
    is_over: bool


def leg_in(call: Mapping[str, Any]) -> LegRecord:
    """Raises ValueError for what is no call. A call that is only asked for is not alive yet,
    but has no end either."""
    carrier_call_id, leg_id = call.get("call_control_id"), call.get("call_leg_id")
    if not isinstance(carrier_call_id, str) or not isinstance(leg_id, str):
        raise ValueError("not a call")
    is_over = call.get("is_alive") is False and bool(call.get("end_time"))
    return LegRecord(carrier_call_id, leg_id, is_over)


def data_of(answer: Answer) -> dict[str, Any]:
    """Raises ValueError for anything but a whole answer."""
    found = field(answer, "data") if answer.is_success else None
    if not isinstance(found, dict):
        raise ValueError(f"HTTP {answer.status}")
    return found


def list_of(answer: Answer) -> list[dict[str, Any]]:
    """Raises ValueError for anything but a whole answer."""
    found = field(answer, "data") if answer.is_success else None
    if not isinstance(found, list):
        raise ValueError(f"HTTP {answer.status}: {len(answer.body)} bytes are no list")
    return [one for one in found if isinstance(one, dict)]


def next_page(answer: Answer) -> str | None:
    after = field(answer, "meta", "cursors", "after")
    return after if isinstance(after, str) and after else None


def pages_of(answer: Answer) -> int:
    """How many pages a list has. Raises ValueError where it does not say."""
    pages = field(answer, "meta", "total_pages")
    if not isinstance(pages, int):
        raise ValueError("a list that does not say how long it is")
    return pages


def events_by_leg(records: Iterable[Mapping[str, Any]]) -> dict[str, list[TelnyxEvent]]:
    legs: defaultdict[str, list[TelnyxEvent]] = defaultdict(list)
    for record in records:
        leg_id = record.get("call_leg_id")
        if isinstance(leg_id, str):
            legs[leg_id].append(event_of(record))
    return dict(legs)


def event_of(record: Mapping[str, Any]) -> TelnyxEvent:
    """Of Telnyx's list of events. A name that is none is that of no event that is known."""
    return TelnyxEvent(str(record.get("name")), _payload_in(record.get("metadata")))


def owner_of(events: Iterable[TelnyxEvent]) -> CallId | None:
    """Whose call it is, if any of them says so."""
    owners = (call_id_in(event.payload.get("client_state")) for event in events)
    return next((owner for owner in owners if owner is not None), None)


def _payload_in(metadata: object, depth: int = 0) -> Mapping[str, Any]:
    """The documentation promises the raw event somewhere in a record, and not where."""
    if not isinstance(metadata, dict) or depth > _DEEPEST:
        return {}
    if "call_leg_id" in metadata:
        return metadata
    payloads = (_payload_in(value, depth + 1) for value in metadata.values())
    return next((payload for payload in payloads if payload), {})


def event_in(body: bytes) -> TelnyxEvent:
    """A webhook. Raises ValueError for what is none."""
    told = orjson.loads(body)
    data = told.get("data") if isinstance(told, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("event_type"), str):
        raise ValueError("not an event")
    payload = data.get("payload")
    return TelnyxEvent(data["event_type"], payload if isinstance(payload, dict) else {})
