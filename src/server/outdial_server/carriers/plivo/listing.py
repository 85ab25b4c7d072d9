"""The calls that Plivo made for an account."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from outdial_server.carriers.answers import field
from outdial_server.carriers.plivo.reader import PlivoReader
from outdial_server.carriers.plivo.records import (
    CLOCKS_APART,
    PAGE_MOST,
    TIME_FORMAT,
    made_at,
    number_in,
    records_in,
)
from outdial_server.carriers.whole_list import whole_or_unavailable
from outdial_server.ports.carrier import ListedCall

_OUTBOUND: Final = "outbound"


class PlivoListing:
    """Plivo shows the numbers of calls that go on one by one, so each is asked for once: a list
    that was broken off goes on where it was."""

    def __init__(self, reader: PlivoReader) -> None:
        self._reader = reader
        self._live: dict[str, ListedCall | None] = {}

    async def calls(self, since: datetime) -> Sequence[ListedCall]:
        """See ListsCalls. Up to now: what is told is when a call began, and one may have been in
        the queue before. In the order of a call's life, so that none goes on unseen."""
        with whole_or_unavailable():
            live = await self._going_on()
            ended = await self._ended(since)
        return [*live, *ended]

    async def _going_on(self) -> list[ListedCall]:
        seen: set[str] = set()
        for state in ("queued", "live"):
            uuids = await self._reader.uuids(state)
            seen |= set(uuids)
            for uuid in uuids:
                if uuid not in self._live:
                    detail = await self._reader.live_call(uuid, state)
                    # Else it is in the next list.
                    if detail is not None:
                        self._live[uuid] = _listed_live(uuid, detail)
        self._live = {uuid: call for uuid, call in self._live.items() if uuid in seen}
        return [call for call in self._live.values() if call is not None]

    async def _ended(self, since: datetime) -> list[ListedCall]:
        earliest = since - CLOCKS_APART
        asked = {
            "call_direction": _OUTBOUND,
            "end_time__gte": earliest.strftime(TIME_FORMAT),
            "limit": str(PAGE_MOST),
        }
        found: dict[str, ListedCall] = {}
        offset = 0
        while True:
            answer = await self._reader.calls(**asked, offset=str(offset))
            records = records_in(answer)
            offset += len(records)
            ended = [_listed(r) for r in records if (made_at(r) or earliest) >= earliest]
            found |= {call.carrier_call_id: call for call in ended}
            if not records or field(answer, "meta", "next") is None:
                return list(found.values())


def _listed_live(uuid: str, detail: Mapping[str, Any]) -> ListedCall | None:
    """None for one that came in."""
    if detail.get("direction") == "inbound":
        return None
    return ListedCall(_id_in(detail, uuid), number_in(detail.get("to")), is_live=True)


def _listed(record: Mapping[str, Any]) -> ListedCall:
    uuid = _id_in(record, record.get("call_uuid"))
    return ListedCall(uuid, number_in(record.get("to_number")), is_live=False)


def _id_in(call: Mapping[str, Any], uuid: object) -> str:
    """By which it is known here: that of its request, where Plivo shows it."""
    found = call.get("request_uuid") or uuid
    if not isinstance(found, str):
        raise ValueError("not a call")
    return found
