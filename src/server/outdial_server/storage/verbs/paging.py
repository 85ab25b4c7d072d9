"""Page tokens: the key behind which the next page starts, as opaque text."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from outdial_server.domain.paging import Page, PageRequest, page_token_invalid
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx

T = TypeVar("T")

SortValue = bytes | int

_KEY_MAX: Final = 2**63 - 1

_ABOVE_ALL: Final = 2**62
_BELOW_ALL: Final = -1

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
    total: int | None = None,
) -> Page[T]:
    """A page from rows read with a limit of one more than its size. `look_on` is the key
    behind which the list goes on where not all of it was looked through."""
    shown = rows[: request.size]
    if len(rows) > request.size:
        look_on = getattr(shown[-1], key)
    token = "" if look_on is None else token_of(list_name, look_on)
    return Page([convert(row) for row in shown], token, total)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that may be skipped into and counted."""

    name: str
    # A SELECT of all that is in it, to the last condition; the key is among its columns.
    statement: str
    parameters: Mapping[str, Any]
    # By which it goes: `table.column`.
    key: str
    newest_first: bool = False

    def page(self, tx: Tx, request: PageRequest, convert: Callable[[Row], T]) -> Page[T]:
        return self.page_of(tx, request, self.rows(tx, request), convert)

    def page_of(
        self,
        tx: Tx,
        request: PageRequest,
        rows: Sequence[Row],
        convert: Callable[[Row], T],
        look_on: int | None = None,
    ) -> Page[T]:
        total = self.total(tx, request)
        return page_of(self.name, request, rows, convert, self._column, look_on, total)

    def place(self, tx: Tx, request: PageRequest) -> int:
        """The key behind which a page begins. The last item that is skipped is found in one
        read, as long as the skip is."""
        place = self.place_of_token(request)
        if request.skip == 0:
            return place
        skipped = self._read(tx, place, limit=1, skip=request.skip - 1)
        return getattr(skipped[0], self._column) if skipped else self._end

    def place_of_token(self, request: PageRequest) -> int:
        key = key_of(self.name, request.token)
        return self._start if key is None else key

    def rows(
        self, tx: Tx, request: PageRequest, place: int | None = None, to: int | None = None
    ) -> Sequence[Row]:
        """Those of a page, and one more where there is one. `place` is where it begins, for
        whoever knows; `to` the last key that is looked at."""
        if place is None:
            place = self.place(tx, request)
        return self._read(tx, place, limit=request.size + 1, to=to)

    def total(self, tx: Tx, request: PageRequest) -> int | None:
        if not request.is_counted:
            return None
        counted: int = tx.scalar(
            f"SELECT COUNT(*) FROM ({self.statement}) AS listed", **self.parameters
        )
        return counted

    def _read(
        self, tx: Tx, place: int, *, limit: int, skip: int = 0, to: int | None = None
    ) -> Sequence[Row]:
        behind, direction = ("<", "DESC") if self.newest_first else (">", "ASC")
        until = ">=" if self.newest_first else "<="
        bound = "" if to is None else f"AND {self.key} {until} :to "
        return tx.all(
            f"{self.statement}AND {self.key} {behind} :place {bound}"
            f"ORDER BY {self.key} {direction} LIMIT :limit OFFSET :skip",
            **self.parameters,
            **({} if to is None else {"to": to}),
            place=place,
            limit=limit,
            skip=skip,
        )

    @property
    def _column(self) -> str:
        return self.key.rpartition(".")[2]

    @property
    def _start(self) -> int:
        return _ABOVE_ALL if self.newest_first else _BELOW_ALL

    @property
    def _end(self) -> int:
        return _BELOW_ALL if self.newest_first else _ABOVE_ALL


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
