"""Pages by cursor, with the addresses of those before and behind."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import Query
from starlette.exceptions import HTTPException
from starlette.requests import Request

from outdial_server.gateway.asking import Caller
from outdial_server.gateway.ultravox.models import Plain

SIZE_DEFAULT: Final = 20
SIZE_MOST: Final = 200
_PLACE_MOST: Final = 2**31 - 1
_PAGE_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of a list is asked for."""

    start: int
    size: int
    request: Request


def place(
    request: Request,
    cursor: str = Query("", description="From `next` or `previous` of another page."),
    page_size: str = Query("", alias="pageSize", description="20 unless said, at most 200."),
) -> Place:
    """For routes. A size that is no positive number is the default; one that is too large is
    cut to the most."""
    size = SIZE_DEFAULT
    if page_size.isascii() and page_size.isdigit() and int(page_size[:9]) > 0:
        size = min(int(page_size[:9]), SIZE_MOST)
    return Place(_start(cursor, size), size, request)


def _start(cursor: str, size: int) -> int:
    """Cursors hold a position, and for the page before it a flag."""
    if not cursor:
        return 0
    try:
        said = parse_qs(urlsafe_b64decode(cursor.encode()).decode(), strict_parsing=True)
        position = int(said["p"][0])
    except (ValueError, KeyError):
        raise HTTPException(404, "Invalid cursor") from None
    if not 0 <= position <= _PLACE_MOST:
        raise HTTPException(404, "Invalid cursor")
    return max(0, position - size) if "r" in said else position


async def part_of(
    asks: Caller, request: Any, answer: type[Any], items: str, wanted: Place
) -> tuple[list[Any], int]:
    """The messages in this part of the list that an RPC gives, and how many there are in all.
    Pages of what is searched for may be short and lead on."""
    request.page_size, request.skip = wanted.size, wanted.start
    request.show_total_size = True
    told = await asks.ask(request, answer)
    found, total = list(getattr(told, items)), told.total_size
    request.skip, request.show_total_size = 0, False
    while told.next_page_token and len(found) < wanted.size:
        request.page_token = told.next_page_token
        request.page_size = wanted.size - len(found)
        told = await asks.ask(request, answer)
        found += getattr(told, items)
    return found, total


async def everything(asks: Caller, request: Any, answer: type[Any], items: str) -> list[Any]:
    """Of a list that is short by its nature."""
    request.page_size = _PAGE_MOST
    found = list[Any]()
    while True:
        told = await asks.ask(request, answer)
        found += getattr(told, items)
        if not told.next_page_token:
            return found
        request.page_token = told.next_page_token


def envelope(wanted: Place, results: Sequence[Any], total: int) -> dict[str, Any]:
    behind = wanted.start + wanted.size
    return {
        "next": _address(wanted, f"p={behind}") if behind < total else None,
        "previous": _address(wanted, f"r=1&p={wanted.start}") if wanted.start else None,
        "results": results,
        "total": total,
    }


def _address(wanted: Place, cursor: str) -> str:
    """The same request for another page."""
    text = urlsafe_b64encode(cursor.encode()).decode()
    return str(wanted.request.url.include_query_params(cursor=text))


class ListOf(Plain):
    """The envelope, for the document."""

    next: str | None
    previous: str | None
    total: int
