"""Which of the account's own numbers a call shows, where there is a choice."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.domain.rotation import Rotation
from outdial_server.domain.slots import SlotRow, SlotScope
from outdial_server.domain.throttle import ThrottleUse
from outdial_server.domain.trouble import Hold


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """The carrier config that a call is dialled with, at one moment. Calls that are claimed
    count in its rate when they are SENDING: until then they are `unsent`."""

    slot: SlotRow
    rate: ThrottleUse | None = None
    unsent: int = 0
    ref: ConfigRef | None = None
    # What keeps calls away from it, if anything is wrong with it.
    hold: Hold | None = None
    # Who dials; empty where that is the carrier of the batch.
    carrier: str = ""

    @property
    def key(self) -> int:
        return self.slot.scope.owner

    @property
    def free(self) -> int | None:
        """Calls that may be dialled with it now; None means as many as you like."""
        left = None if self.rate is None else max(0, self.rate.left - self.unsent)
        return least(self.slot.free, left, _left_by(self.hold))

    @property
    def opens_at(self) -> datetime | None:
        """When its rate has room again, or it is tried again; None where that is not what it
        lacks."""
        if self.slot.free == 0:
            return None
        if self.hold is not None and self.hold.left == 0:
            return self.hold.next_at
        return None if self.rate is None else self.rate.decisive.opens_at


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """A number at one moment, and the carrier config of calls that show it, if any."""

    key: int
    address: str
    is_usable: bool
    slot: SlotRow
    account: CarrierAccount | None = None
    # The carrier will not show it.
    hold: Hold | None = None
    # It could be used if it had a carrier config with credentials.
    lacks_config: bool = False

    @property
    def used(self) -> int:
        return self.slot.used

    @property
    def cap(self) -> int | None:
        return self.slot.target_cap

    @property
    def free(self) -> int | None:
        """Calls that may show it now; None means as many as you like."""
        if not self.is_usable:
            return 0
        return least(self.own_free, None if self.account is None else self.account.free)

    @property
    def own_free(self) -> int | None:
        """The same by itself, whatever its carrier config has."""
        return least(self.slot.free, _left_by(self.hold))

    @property
    def is_refused(self) -> bool:
        return self.is_usable and self.slot.free != 0 and _left_by(self.hold) == 0

    @property
    def lacks_account(self) -> bool:
        """Whether all that keeps calls from showing it is its carrier config."""
        has_slot = self.is_usable and self.slot.free != 0 and not self.is_refused
        return has_slot and self.free == 0

    @property
    def opens_at(self) -> datetime | None:
        """When calls may show it again, whatever ends until then; None where nobody knows."""
        if self.hold is not None and self.is_refused:
            return self.hold.next_at
        return self.account.opens_at if self.account is not None and self.lacks_account else None

    @property
    def without_rate(self) -> "OwnNumber":
        """As it would be if its carrier config had no rate, and nothing were wrong."""
        account = None if self.account is None else CarrierAccount(self.account.slot)
        return replace(self, account=account, hold=None)


def _left_by(hold: Hold | None) -> int | None:
    return None if hold is None else hold.left


def least(*limits: int | None) -> int | None:
    """None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)


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
    a mere text, and counts in no slots but those of the batch. `account` is the carrier config
    that it is dialled with, where that is not the number's: of a batch that goes one way only
    where numbers have that one, too."""

    text: str
    number: OwnNumber | None = None
    account: CarrierAccount | None = None
    # One of a choice, and not what the row is bound to.
    is_chosen: bool = False

    @property
    def dialled_with(self) -> CarrierAccount | None:
        """None: with that of the batch, or without one."""
        if self.account is not None or self.number is None:
            return self.account
        return self.number.account


@dataclass(frozen=True, slots=True)
class Turn:
    """A row that is bound to no number, and shows one of `pool` in turn, dialled with `account`.
    Those of one `line` have one pool."""

    line: int
    pool: NumberPool
    account: CarrierAccount | None = None


def caller_id_of(kept: CallerId | None, own: CallerId | None) -> CallerId | None:
    """What a row is bound to; None: as its batch says. `kept` is that of its first try: a
    number that cannot be used any more is not kept."""
    if kept is not None and (kept.number is None or kept.number.is_usable):
        return kept
    return own


def free_together(numbers: Iterable[OwnNumber]) -> int | None:
    """How many calls may show one of them now; None means as many as you like."""
    by_account: defaultdict[int | None, list[OwnNumber]] = defaultdict(list)
    for number in {number.key: number for number in numbers if number.is_usable}.values():
        by_account[None if number.account is None else number.account.key].append(number)
    each = [_free_of_account(of_account) for of_account in by_account.values()]
    return _sum(each)


def _free_of_account(numbers: Sequence[OwnNumber]) -> int | None:
    account = numbers[0].account
    own = _sum(number.own_free for number in numbers)
    return own if account is None else least(own, account.free)


def _sum(limits: Iterable[int | None]) -> int | None:
    total = 0
    for limit in limits:
        if limit is None:
            return None
        total += limit
    return total


def joined_pools(
    pools: Sequence[tuple[int, NumberPool]],
) -> list[tuple[list[int], list[OwnNumber]]]:
    """Pools that have numbers or carrier configs in common, if only by way of others: whose
    they are, and all their numbers."""
    joined: list[tuple[list[int], dict[SlotScope, OwnNumber]]] = []
    for owner, pool in pools:
        owners = [owner]
        numbers = {scope: number for number in pool.numbers for scope in _scopes(number)}
        apart = []
        for others, of_others in joined:
            if numbers.keys().isdisjoint(of_others):
                apart.append((others, of_others))
            else:
                owners, numbers = [*others, *owners], of_others | numbers
        joined = [*apart, (owners, numbers)]
    return [
        (owners, [number for scope, number in numbers.items() if scope == number.slot.scope])
        for owners, numbers in joined
    ]


def _scopes(number: OwnNumber) -> tuple[SlotScope, ...]:
    own = number.slot.scope
    return (own,) if number.account is None else (own, number.account.slot.scope)


class NumberRoom:
    """What is left of numbers, and of carrier configs, while calls of one claim take them."""

    def __init__(self) -> None:
        self._taken: Counter[SlotScope] = Counter()

    def has(self, number: OwnNumber) -> bool:
        is_free = number.is_usable and self._has(number.slot.scope, number.own_free)
        return is_free and self.has_account(number.account)

    def has_account(self, account: CarrierAccount | None) -> bool:
        return account is None or self._has(account.slot.scope, account.free)

    def _has(self, scope: SlotScope, free: int | None) -> bool:
        return free is None or free > self._taken[scope]

    def take(self, number: OwnNumber) -> None:
        self._taken[number.slot.scope] += 1
        self.take_account(number.account)

    def take_account(self, account: CarrierAccount | None) -> None:
        if account is not None:
            self._taken[account.slot.scope] += 1


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
    wishes: Sequence[CallerId | Turn | None],
    pool: NumberPool,
    room: NumberRoom,
    draw: Callable[[], float],
) -> Choice:
    """For rows in their order; a wish is what a row is bound to, or another pool; None where
    `pool` decides. `draw` gives numbers from 0 to below 1.

    Rows that are bound come first: whom the pool has a place for does then not depend on
    chance."""
    shown: list[CallerId | None] = [
        _bound(wish, room) if isinstance(wish, CallerId) else None for wish in wishes
    ]
    turns: dict[int | None, _Turns] = {}
    last = pool.last
    for place, wish in enumerate(wishes):
        if isinstance(wish, CallerId):
            continue
        line, account = (None, None) if wish is None else (wish.line, wish.account)
        if line not in turns:
            turns[line] = _Turns(pool if wish is None else wish.pool, room, draw)
        number = turns[line].next() if room.has_account(account) else None
        if number is not None:
            room.take(number)
            room.take_account(account)
            shown[place] = CallerId(number.address, number, account, is_chosen=True)
            last = number.key
    return Choice(tuple(shown), last)


def _bound(wish: CallerId, room: NumberRoom) -> CallerId | None:
    if not room.has_account(wish.account) or (wish.number and not room.has(wish.number)):
        return None
    room.take_account(wish.account)
    if wish.number is not None:
        room.take(wish.number)
    return wish
