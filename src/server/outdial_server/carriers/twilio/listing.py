"""The calls that Twilio made for an account, page by page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urljoin

from outdial_server.carriers.answers import field
from outdial_server.carriers.twilio.account import TwilioAccount
from outdial_server.carriers.twiml.calls import CLOCKS_APART
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.outgoing.answer import AnswerLostError, NothingSentError
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.ports.carrier import ListedCall

_PAGE_SIZE: Final = "1000"

_LIVE: Final = frozenset({"queued", "initiated", "ringing", "in-progress"})


class TwilioListing:
    def __init__(self, exchange: HttpExchange, account: TwilioAccount) -> None:
        self._exchange = exchange
        self._account = account

    async def calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        """See ListsCalls. The list goes by the day of a call's start, which one in the queue has
        not had yet: those are asked for first, so that none starts unseen in between."""
        day = (since - CLOCKS_APART).astimezone(UTC).date().isoformat()
        try:
            found = await self._all({"Status": "queued"}) + await self._all({"StartTime>": day})
            by_sid = {call["sid"]: call for call in found}
            made = _made_between(by_sid.values(), since - CLOCKS_APART, until + CLOCKS_APART)
            return list(made)
        except (NothingSentError, AnswerLostError, ValueError, KeyError) as error:
            raise UnavailableError(Reason.CARRIER_UNAVAILABLE, "no list of calls") from error

    async def _all(self, wanted: Mapping[str, str]) -> list[Mapping[str, object]]:
        answer = await self._exchange.get(
            self._account.list_url, {**wanted, "PageSize": _PAGE_SIZE}, self._account.headers
        )
        found: list[Mapping[str, object]] = []
        while True:
            calls, following = field(answer, "calls"), field(answer, "next_page_uri")
            if not answer.is_success or not isinstance(calls, list):
                raise ValueError("not a list of calls")
            found += calls
            if not isinstance(following, str):
                return found
            if not following.startswith("/2010-04-01/"):
                # The next request carries the credentials.
                raise ValueError("the next page is not in the list")
            url = urljoin(self._account.list_url, following)
            answer = await self._exchange.get(url, headers=self._account.headers)


def _made_between(
    calls: Iterable[Mapping[str, object]], since: datetime, until: datetime
) -> Iterator[ListedCall]:
    """Those that were dialled. Raises ValueError or KeyError for what is no
    call."""
    for call in calls:
        created = parsedate_to_datetime(str(call.get("date_created")))
        if str(call.get("direction")).startswith("outbound") and since <= created <= until:
            yield ListedCall(str(call["sid"]), str(call["to"]), is_live=call.get("status") in _LIVE)
