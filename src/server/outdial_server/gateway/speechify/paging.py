"""Pages of lists."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=200, description="So many on a page.")]
Cursor = Annotated[str, Query(description="`next_cursor` of the page before.")]

DEFAULT_LIMIT: Final = 50


def page_of(name: str, shown: Sequence[Any], next_token: str) -> dict[str, Any]:
    return {"next_cursor": next_token or None, "has_more": bool(next_token), name: shown}
