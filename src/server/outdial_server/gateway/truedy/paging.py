"""Pages by offset, and by number."""

from typing import Annotated, Any, NamedTuple

from fastapi import Query
from google.protobuf.message import Message

from outdial_server.gateway.asking import Caller

Limit = Annotated[int, Query(ge=1, le=100)]
# No list is so long.
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
PageNumber = Annotated[int, Query(ge=1, le=10_000_000)]


class Part(NamedTuple):
    items: list[Any]
    total: int


async def part_of(
    asks: Caller, request: Any, answer: type[Message], items: str, limit: int, offset: int
) -> Part:
    """`request` is that of a list, without its page; `items` names the list in `answer`. What is
    searched for in long lists comes in pages that may be short, and lead on."""
    request.page_size, request.skip = limit, offset
    request.show_total_size = True
    told: Any = await asks.ask(request, answer)
    found, total = list(getattr(told, items)), told.total_size
    request.skip, request.show_total_size = 0, False
    while told.next_page_token and len(found) < limit:
        request.page_size, request.page_token = limit - len(found), told.next_page_token
        told = await asks.ask(request, answer)
        found += getattr(told, items)
    return Part(found, total)
