"""All calls of an account, as they are listed page by page."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from outdial_server.carriers.answers import field
from outdial_server.carriers.twiml.calls import CLOCKS_APART, CallsAccount
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.ports.carrier import ListedCall

_LIVE: Final = frozenset({"queued", "initiated", "ringing", "in-progress"})


async def all_calls(
    exchange: HttpExchange, account: CallsAccount, wanted: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    """Of the address of the next page only what it asks for is used: the request carries the
    credentials. Raises ValueError for what is no list."""
    found: list[Mapping[str, Any]] = []
    asked = dict(wanted)
    while True:
        answer = await exchange.get(account.list_url, asked, account.headers)
        calls, following = field(answer, "calls"), field(answer, "next_page_uri")
        if not answer.is_success or not isinstance(calls, list):
            raise ValueError("not a list of calls")
        found += calls
        if not isinstance(following, str) or not following:
            return found
        asked = {**wanted, **dict(parse_qsl(urlsplit(following).query))}


def made_between(
    calls: Iterable[Mapping[str, Any]],
    since: datetime,
    until: datetime,
    live_sids: Collection[str] = (),
) -> Iterator[ListedCall]:
    """Those that were dialled, without the legs by which they were handed on. `live_sids` go on
    whatever their status here. A call without a date may be one. Raises ValueError for what is no
    call."""
    for call in calls:
        sid, to, created = call.get("sid"), call.get("to"), call.get("date_created")
        if not isinstance(sid, str) or not isinstance(to, str):
            raise ValueError("not a call")
        is_leg = isinstance(call.get("parent_call_sid"), str)
        if is_leg or not str(call.get("direction")).startswith("outbound"):
            continue
        made_at = parsedate_to_datetime(created) if isinstance(created, str) else since
        if since - CLOCKS_APART <= made_at <= until + CLOCKS_APART:
            yield ListedCall(sid, to, call.get("status") in _LIVE or sid in live_sids)
