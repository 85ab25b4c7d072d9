"""Page tokens: the key behind which the next page starts, as opaque text."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from outdial_server.domain.paging import Page, PageRequest, page_token_invalid
from outdial_server.storage.statements import Row

T = TypeVar("T")

SortValue = bytes | int

_KEY_MAX: Final = 2**63 - 1

ROWS_PER_LOOK: Final = 10_000
"""So many rows one read looks through for those that fit, some 10 ms. What no index finds
comes in pages that may be short, or empty, and lead on all the same: no read lasts as long
as the list is."""


def token_of(list_name: str, key: int) -> str:
    return urlsafe_b64encode(f"{list_name}:{key}".encode()).decode().rstrip("=")


def key_of(list_name: str, token: str) -> int | None:
    """The key in a token of this very list; None for no token."""
    if not token:
        return None
    try:
        padded = token + "=" * (-len(token) % 4)
        name, _, key = urlsafe_b64decode(padded.encode()).decode().rpartition(":")
        if name != list_name:
            raise ValueError("a token of another list")
        number = int(key)
        if abs(number) > _KEY_MAX:
            raise ValueError("no key is so large")
        return number
    except ValueError:
        raise page_token_invalid() from None


def page_of(
    list_name: str,
    request: PageRequest,
    rows: Sequence[Row],
    convert: Callable[[Row], T],
    key: str = "key",
    look_on: int | None = None,
) -> Page[T]:
    """A page from rows read with a limit of one more than its size. `look_on` is the key
    behind which the list goes on where not all of it was looked through."""
    shown = rows[: request.size]
    if len(rows) > request.size:
        look_on = getattr(shown[-1], key)
    token = "" if look_on is None else token_of(list_name, look_on)
    return Page([convert(row) for row in shown], token)


def place_in(list_name: str, token: str) -> tuple[SortValue, int] | None:
    """Where a page begins in a list that is sorted by a value: behind the row with this one
    and this key. None for no token."""
    if not token:
        return None
    kind, _, rest = token.partition(".")
    value, _, key = rest.partition(".")
    after = key_of(list_name, key)
    try:
        if after is None:
            raise ValueError("no key")
        return (bytes.fromhex(value) if kind == "b" else int(value)), after
    except ValueError:
        raise page_token_invalid() from None


def _place_token(list_name: str, value: SortValue, key: int) -> str:
    kind, text = ("b", value.hex()) if isinstance(value, bytes) else ("i", str(value))
    return f"{kind}.{text}.{token_of(list_name, key)}"


def sorted_page_of(
    list_name: str,
    request: PageRequest,
    rows: Sequence[Row],
    convert: Callable[[Row], T],
    column: str,
) -> Page[T]:
    """As `page_of`, of a list that is sorted by `column`, and by key where that is equal."""
    shown = rows[: request.size]
    token = ""
    if len(rows) > request.size:
        last = shown[-1]
        token = _place_token(list_name, getattr(last, column), last.key)
    return Page([convert(row) for row in shown], token)
