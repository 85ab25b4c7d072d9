"""Which of the account's own numbers a call shows, where there is a choice."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from outdial_server.domain.slots import SlotRow, SlotScope


class Rotation(IntEnum):
    """How the numbers of a batch take turns. The numbers here are stored; add, never change."""

    # Each with a free slot is as likely as the others, for each dial anew.
    RANDOM = 1
    # The same one until it cannot be used, then the next in the list.
    SEQUENTIAL = 2
    # The next in the list for each dial.
    ROUND_ROBIN = 3


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """A number at one moment. `slots` are those that a call takes which shows it."""

    key: int
    address: str
    is_usable: bool
    slots: tuple[SlotRow, ...]

    @property
    def used(self) -> int:
        return self.slots[0].used

    @property
    def cap(self) -> int | None:
        return self.slots[0].target_cap

    @property
    def free(self) -> int | None:
        """Calls that may show it now; None means as many as you like."""
        if not self.is_usable:
            return 0
        return min((row.free for row in self.slots if row.free is not None), default=None)


@dataclass(frozen=True, slots=True)
class NumberPool:
    """The numbers that the calls of a batch show, in their order. `last` is the key of the one
    that was chosen last."""

    numbers: tuple[OwnNumber, ...]
    rotation: Rotation = Rotation.RANDOM
    last: int | None = None

    @property
    def usable(self) -> tuple[OwnNumber, ...]:
        return tuple(number for number in self.numbers if number.is_usable)


NO_NUMBERS: Final = NumberPool(())


@dataclass(frozen=True, slots=True)
class CallerId:
    """What a call shows, and which of the account's numbers that is. Without a number it is
    a mere text, and counts nowhere."""

    text: str
    number: OwnNumber | None = None


def caller_id_of(kept: CallerId | None, own: CallerId | None) -> CallerId | None:
    """What a row is bound to; None: as its batch says. `kept` is that of its first try: a
    number that cannot be used any more is not kept."""
    if kept is not None and (kept.number is None or kept.number.is_usable):
        return kept
    return own


def free_together(numbers: Iterable[OwnNumber]) -> int | None:
    """How many calls may show one of them now; None means as many as you like."""
    free = 0
    for number in {number.key: number for number in numbers}.values():
        if number.free is None:
            return None
        free += number.free
    return free


def joined_pools(
    pools: Sequence[tuple[int, NumberPool]],
) -> list[tuple[list[int], list[OwnNumber]]]:
    """Pools that have numbers in common, if only by way of others: whose they are, and all
    their numbers."""
    joined: list[tuple[list[int], dict[int, OwnNumber]]] = []
    for owner, pool in pools:
        owners, numbers = [owner], {number.key: number for number in pool.numbers}
        apart = []
        for others, of_others in joined:
            if numbers.keys().isdisjoint(of_others):
                apart.append((others, of_others))
            else:
                owners, numbers = [*others, *owners], of_others | numbers
        joined = [*apart, (owners, numbers)]
    return [(owners, list(numbers.values())) for owners, numbers in joined]


class NumberRoom:
    """What is left of numbers while calls of one claim take them."""

    def __init__(self) -> None:
        self._taken: dict[SlotScope, int] = {}

    def has(self, number: OwnNumber) -> bool:
        return number.is_usable and all(
            row.free is None or row.free > self._taken.get(row.scope, 0) for row in number.slots
        )

    def take(self, number: OwnNumber) -> None:
        for row in number.slots:
            self._taken[row.scope] = self._taken.get(row.scope, 0) + 1


class _Turns:
    """The numbers of a pool as they take turns."""

    def __init__(self, pool: NumberPool, room: NumberRoom, draw: Callable[[], float]) -> None:
        self._rotation = pool.rotation
        self._room = room
        self._draw = draw
        self._open = deque(number for number in _from_last(pool) if room.has(number))

    def next(self) -> OwnNumber | None:
        """None when none has a free slot left."""
        while self._open:
            if self._rotation is Rotation.RANDOM:
                self._open.rotate(-int(self._draw() * len(self._open)))
            number = self._open[0]
            if not self._room.has(number):
                self._open.popleft()
                continue
            if self._rotation is Rotation.ROUND_ROBIN:
                self._open.rotate(-1)
            return number
        return None


def _from_last(pool: NumberPool) -> Sequence[OwnNumber]:
    """In the order in which they are to be tried."""
    at = next((i for i, number in enumerate(pool.numbers) if number.key == pool.last), None)
    if at is None:
        return pool.numbers
    first = at + 1 if pool.rotation is Rotation.ROUND_ROBIN else at
    return (*pool.numbers[first:], *pool.numbers[:first])


@dataclass(frozen=True, slots=True)
class Choice:
    """What each row shows; None for one whose number has no free slot. `last` is the state of
    the rotation from now on."""

    caller_ids: tuple[CallerId | None, ...]
    last: int | None


def choose_caller_ids(
    wishes: Sequence[CallerId | None],
    pool: NumberPool,
    room: NumberRoom,
    draw: Callable[[], float],
) -> Choice:
    """For rows in their order; a wish is what a row is bound to, None where the pool decides.
    `draw` gives numbers from 0 to below 1.

    Rows that are bound come first: whom the pool has a place for does then not depend on
    chance."""
    shown: list[CallerId | None] = [_bound(wish, room) for wish in wishes]
    turns, last = _Turns(pool, room, draw), pool.last
    for place, wish in enumerate(wishes):
        if wish is not None:
            continue
        number = turns.next()
        if number is None:
            break
        room.take(number)
        shown[place], last = CallerId(number.address, number), number.key
    return Choice(tuple(shown), last)


def _bound(wish: CallerId | None, room: NumberRoom) -> CallerId | None:
    if wish is None or wish.number is None:
        return wish
    if not room.has(wish.number):
        return None
    room.take(wish.number)
    return wish
