"""Whole lists, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from outdial_server.domain.limits import PAGE_SIZE_MAX
from outdial_server.domain.paging import Page, PageRequest

T = TypeVar("T")


async def all_items(read: Callable[[PageRequest], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    token = ""
    while True:
        page = await read(PageRequest(PAGE_SIZE_MAX, token))
        for item in page.items:
            yield item
        token = page.next_token
        if not token:
            return
