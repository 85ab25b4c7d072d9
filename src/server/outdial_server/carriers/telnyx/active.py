"""The calls of a connection that go on."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from outdial_server.carriers.telnyx.account import TelnyxAccount
from outdial_server.carriers.telnyx.records import PAGE_MOST, list_of, next_page
from outdial_server.outgoing.exchange import HttpExchange

PAGES_MOST: Final = 20
"""A page takes a request: an account with more calls at once than these show is told that
they could not be looked through."""


async def active_calls(
    exchange: HttpExchange, account: TelnyxAccount
) -> AsyncIterator[Mapping[str, Any]]:
    """Those of TeXML have no state of a client. Raises ValueError for what is no list, and
    when there are too many."""
    asked = {"page[limit]": str(PAGE_MOST)}
    for _ in range(PAGES_MOST):
        answer = await exchange.get(account.active_calls_url, asked, account.headers)
        for call in list_of(answer):
            yield call
        after = next_page(answer)
        if after is None:
            return
        asked["page[after]"] = after
    raise ValueError("too many calls to look through")
