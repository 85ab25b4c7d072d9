"""Turns a list of rows, slice by slice, into what is stored: duplicates found, positions
given."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.scheduled_call import NewScheduledCall

NumberedRow = tuple[int, NewScheduledCall]
"""A row with the number that its sender counts it by: an index, or a line of a file."""


class Addressed(Protocol):
    """What a list has rows of."""

    @property
    def normalized_address(self) -> str: ...

    @property
    def contact_id(self) -> str:
        """Of a row that was copied from a contact, else empty."""
        ...


R = TypeVar("R", bound=Addressed)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row whose address was there already. `first_number` is the number of the row of the
    same list that has it too; None when the batch had it before."""

    number: int
    normalized_address: str
    kept_position: int
    first_number: int | None = None
    # Of a row that was copied from a contact.
    contact_id: str = ""


@dataclass(frozen=True, slots=True)
class PlacedRows(Generic[R]):
    """The rows of a slice that go in, behind those of the slice before, and its duplicates:
    by the batch's rule kept among them, or left out."""

    rows: Sequence[R]
    duplicates: Sequence[Duplicate]


class Placement:
    """Gives positions by the batch's rule for duplicates, from `first_position` on without
    a gap. Duplicates are told by the normal form itself. It is the one thing of a long list
    that stays in memory: about 100 bytes a row."""

    def __init__(self, policy: DuplicatePolicy, first_position: int) -> None:
        self._policy = policy
        self._first_position = first_position
        self._seen: dict[int | str, int] = {}
        # Of the rows that went in, by position.
        self._numbers = array("q")

    def learn(self, there: Mapping[str, int]) -> None:
        """Takes note of addresses that the batch has, with the position of each. They must
        be told before the first row with one of them is placed."""
        for address, position in there.items():
            self._seen.setdefault(_compact(address), position)

    def place(self, rows: Sequence[tuple[int, R]]) -> PlacedRows[R]:
        kept: list[R] = []
        duplicates: list[Duplicate] = []
        keeps_all = self._policy is DuplicatePolicy.KEEP
        position = self._first_position + len(self._numbers)
        for number, row in rows:
            first = self._seen.setdefault(_compact(row.normalized_address), position)
            if first != position:
                duplicates.append(self._duplicate(number, row, first))
                if not keeps_all:
                    continue
            kept.append(row)
            self._numbers.append(number)
            position += 1
        return PlacedRows(kept, duplicates)

    def _duplicate(self, number: int, row: Addressed, first: int) -> Duplicate:
        behind = first - self._first_position
        first_number = self._numbers[behind] if behind >= 0 else None
        return Duplicate(number, row.normalized_address, first, first_number, row.contact_id)


def _compact(normalized_address: str) -> int | str:
    """A phone number as its number, at half the memory. Nothing is lost: it is a plus and up
    to 15 digits, the first of them not 0."""
    if normalized_address[0] == "+":
        return int(normalized_address[1:])
    return normalized_address
