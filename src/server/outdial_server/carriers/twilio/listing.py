"""The calls that Twilio made for an account."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from outdial_server.carriers.twilio.account import TwilioAccount
from outdial_server.carriers.twiml.calls import CLOCKS_APART
from outdial_server.carriers.twiml.listing import all_calls, made_between
from outdial_server.carriers.whole_list import whole_or_unavailable
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.ports.carrier import ListedCall

_PAGE_SIZE: Final = "300"
"""A call of the list has some 2,200 bytes: of 1,000, which Twilio would give, the answer would be
cut (ANSWER_MOST_BYTES)."""


class TwilioListing:
    def __init__(self, exchange: HttpExchange, account: TwilioAccount) -> None:
        self._exchange = exchange
        self._account = account

    async def calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        """See ListsCalls. The list goes by the day of a call's start, which one in the queue has
        not had yet: those are asked for first, so that none starts unseen in between."""
        day = f"{(since - CLOCKS_APART).astimezone(UTC):%Y-%m-%dT00:00:00Z}"
        found: dict[str, ListedCall] = {}
        with whole_or_unavailable():
            for wanted in ({"Status": "queued"}, {"StartTime>": day}):
                asked = {**wanted, "PageSize": _PAGE_SIZE}
                listed = await all_calls(self._exchange, self._account, asked)
                found |= {call.carrier_call_id: call for call in made_between(listed, since, until)}
        return list(found.values())
