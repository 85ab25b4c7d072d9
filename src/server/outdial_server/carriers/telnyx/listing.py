"""The calls that Telnyx made over a connection of Call Control."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from outdial_server.carriers.moments import moment_in
from outdial_server.carriers.telnyx.account import TelnyxAccount
from outdial_server.carriers.telnyx.active import active_calls
from outdial_server.carriers.telnyx.create import call_id_in
from outdial_server.carriers.telnyx.records import (
    CLOCKS_APART,
    event_of,
    leg_in,
    list_of,
    pages_of,
)
from outdial_server.carriers.whole_list import whole_or_unavailable
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.ports.carrier import ListedCall
from outdial_server.ports.clock import Clock

EVENTS_SINCE: Final = timedelta(hours=24)
"""Telnyx lists no older events but of one call."""

_PAGE_SIZE: Final = "100"
"""An event is told with all that was known of its call: some kilobytes (ANSWER_MOST_BYTES)."""

_INITIATED: Final = "call.initiated"
_INCOMING: Final = "incoming"


class TelnyxListing:
    """There is no list of all calls. Those that go on are listed without their numbers; these
    are in the events with which calls began."""

    def __init__(self, exchange: HttpExchange, account: TelnyxAccount, clock: Clock) -> None:
        self._exchange = exchange
        self._account = account
        self._clock = clock

    async def calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        """See ListsCalls."""
        with whole_or_unavailable():
            if since - CLOCKS_APART < self._clock.now() - EVENTS_SINCE:
                raise ValueError("no events of that time are listed")
            # These first: of one that ends meanwhile there is an event.
            active = active_calls(self._exchange, self._account)
            live = {leg_in(call).carrier_call_id: call async for call in active}
            # Pages may overlap when another call has begun meanwhile.
            events = _begun(await self._events(since), until, live.keys())
            begun = {call.carrier_call_id: call for call in events}
        owners = {one: call_id_in(call.get("client_state")) for one, call in live.items()}
        unnumbered = [
            ListedCall(one, "", is_live=True, call_id=owner)
            for one, owner in owners.items()
            if owner and one not in begun
        ]
        return [*begun.values(), *unnumbered]

    async def _events(self, since: datetime) -> list[Mapping[str, Any]]:
        asked = {
            "filter[connection_id]": self._account.connection_id,
            "filter[type]": "webhook",
            "filter[name]": _INITIATED,
            "filter[occurred_at][gte]": (since - CLOCKS_APART).isoformat(),
            "page[size]": _PAGE_SIZE,
        }
        found: list[Mapping[str, Any]] = []
        number, pages = 0, 1
        while number < pages:
            number += 1
            asked["page[number]"] = str(number)
            answer = await self._exchange.get(
                self._account.events_url, asked, self._account.headers
            )
            found += list_of(answer)
            pages = pages_of(answer)
        return found


def _begun(
    records: Iterable[Mapping[str, Any]], until: datetime, live: Collection[str]
) -> Iterator[ListedCall]:
    """Raises ValueError for what does not tell of a call."""
    for record in records:
        event, at = event_of(record), moment_in(record.get("event_timestamp"))
        call_id, to = event.carrier_call_id, event.text("to")
        if at is None or not call_id or not to:
            raise ValueError("not the beginning of a call")
        if event.text("direction") != _INCOMING and at <= until + CLOCKS_APART:
            owner = call_id_in(event.payload.get("client_state")) or ""
            yield ListedCall(call_id, to, is_live=call_id in live, call_id=owner)
