"""Lists that come in pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """A part of a list."""

    items: Sequence[_Item]
    next_page_token: str
    """Empty on the last page."""


class Pager(Generic[_Item]):
    """All items of a list, fetched page by page while they are read.

    `async for item in pager` goes over the items, `pager.pages()` over the pages.
    Each iteration starts at the first page and asks the server anew.
    """

    def __init__(
        self, fetch: Callable[[str], Awaitable[Page[_Item]]], page_token: str = ""
    ) -> None:
        self._fetch = fetch
        self._first_token = page_token

    async def __aiter__(self) -> AsyncIterator[_Item]:
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self) -> AsyncIterator[Page[_Item]]:
        """The pages, each with the token that the next one starts at."""
        page = await self._fetch(self._first_token)
        yield page
        while page.next_page_token:
            page = await self._fetch(page.next_page_token)
            yield page

    async def first(self) -> _Item | None:
        """The first item, or None when the list is empty."""
        async for item in self:
            return item
        return None

    async def to_list(self) -> list[_Item]:
        """All items at once."""
        return [item async for item in self]
