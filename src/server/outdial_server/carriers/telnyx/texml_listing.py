"""The calls that Telnyx made over TeXML."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from outdial_server.carriers.telnyx.account import TelnyxAccount
from outdial_server.carriers.telnyx.active import active_calls
from outdial_server.carriers.telnyx.records import leg_in
from outdial_server.carriers.twiml.calls import CLOCKS_APART
from outdial_server.carriers.twiml.listing import all_calls, made_between
from outdial_server.carriers.whole_list import whole_or_unavailable
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.ports.carrier import ListedCall
from outdial_server.ports.clock import Clock

_PAGE_SIZE: Final = "250"


class TexmlListing:
    """Telnyx promises of the list that it is right in the end, and does not say whether calls
    that go on are in it. So these are asked for, too: they are listed without their numbers."""

    def __init__(self, exchange: HttpExchange, account: TelnyxAccount, clock: Clock) -> None:
        self._exchange = exchange
        self._account = account
        self._clock = clock

    async def calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        """See ListsCalls."""
        with whole_or_unavailable():
            # First: one that ends meanwhile is in the list of its day.
            live = await self._live(since - CLOCKS_APART)
            listed = [
                call
                for day in _days(since - CLOCKS_APART, until + CLOCKS_APART)
                for call in await all_calls(self._exchange, self._account, _asked(day))
            ]
            found = {
                call.carrier_call_id: call for call in made_between(listed, since, until, live)
            }
        missing = live - {str(call["sid"]) for call in listed}
        return [*found.values(), *(ListedCall(sid, "", is_live=True) for sid in missing)]

    async def _live(self, since: datetime) -> set[str]:
        """But for those that had been answered before."""
        now = self._clock.now()
        active = active_calls(self._exchange, self._account)
        return {leg_in(call).carrier_call_id async for call in active if now - _talk(call) >= since}


def _talk(call: Mapping[str, Any]) -> timedelta:
    seconds = call.get("call_duration")
    return timedelta(seconds=seconds if isinstance(seconds, int) else 0)


def _days(since: datetime, until: datetime) -> Iterator[str]:
    day, last = since.astimezone(UTC).date(), until.astimezone(UTC).date()
    while day <= last:
        yield day.isoformat()
        day += timedelta(days=1)


def _asked(day: str) -> dict[str, str]:
    return {"StartTime": day, "PageSize": _PAGE_SIZE}
