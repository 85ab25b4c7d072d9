"""How free slots are shared out among batches: by priority, by weight, and by turns."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

TURN: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Wish:
    """A batch that wants slots: `held` it has, at most `wanted` more it could use. `served` is
    what it was given so far: for each call `TURN` over its weight."""

    key: int
    priority: int
    weight: int
    held: int
    wanted: int
    served: int = 0

    def served_with(self, calls: int) -> int:
        return self.served + calls * TURN // self.weight


def in_turn(wishes: Iterable[Wish]) -> list[Wish]:
    """Whoever comes late, or comes back, is not given at once what it missed: it stands two
    calls of the lightest behind the one that was given most. Equals never drift further apart
    while they take turns: one call comes of the turn, and up to one of the whole parts of their
    shares, which are less for some than for others. What is forgiven sooner is lost each round,
    and adds up."""
    peers: defaultdict[int, list[Wish]] = defaultdict(list)
    for wish in wishes:
        peers[wish.priority].append(wish)
    behind_most = {
        priority: max(w.served for w in equals) - 2 * TURN // min(w.weight for w in equals)
        for priority, equals in peers.items()
    }
    return [
        wish
        if wish.served >= behind_most[wish.priority]
        else replace(wish, served=behind_most[wish.priority])
        for equals in peers.values()
        for wish in equals
    ]


FLOOR_PERCENT = 5
"""Share of the slots that keeps batches of lower priority moving."""


def share(free: int, wishes: Sequence[Wish]) -> dict[int, int]:
    """Divides free slots among batches: higher priority first; among equals by weight, what
    each holds already included; nothing left over while anyone wants it. The batches below
    the highest priority together keep a floor of `FLOOR_PERCENT` of all slots.

    A share is seldom a whole number. Each gets the whole part of its own, and the slots that
    remain go to those that would still be served least: where there are fewer slots than
    batches, or calls so short that nobody holds one, they take turns by weight.
    """
    grants = {wish.key: 0 for wish in wishes}
    top = max((wish.priority for wish in wishes if wish.wanted), default=0)
    lower = [wish for wish in wishes if wish.priority < top]
    slots_in_all = free + sum(wish.held for wish in wishes)
    owed = slots_in_all * FLOOR_PERCENT // 100 - sum(wish.held for wish in lower)
    left = free - _share_one_class(min(free, max(0, owed)), lower, grants)
    for priority in sorted({wish.priority for wish in wishes}, reverse=True):
        peers = [wish for wish in wishes if wish.priority == priority]
        left -= _share_one_class(left, peers, grants)
    return grants


@dataclass(frozen=True, slots=True)
class SharedLimit:
    """What the batches of `keys` may be given together, beside the free slots of all."""

    left: int
    keys: Sequence[int]


def share_within(
    free: int, wishes: Sequence[Wish], limits: Sequence[SharedLimit]
) -> dict[int, int]:
    """Fair shares of free slots. Where the batches of one limit get more than it has left,
    they share that, and what they leave is shared again among the others. A batch that two
    limits have clipped leaves something of one of them: that is shared again, too, until nobody
    could use any of it."""
    grants, clipped = _clipped(free, wishes, limits)
    if clipped < 2:
        return grants
    while True:
        left = [replace(one, left=one.left - sum(grants[k] for k in one.keys)) for one in limits]
        full = {key for limit in left if limit.left == 0 for key in limit.keys}
        hungry = [_given(w, grants[w.key], is_full=w.key in full) for w in wishes]
        more, _ = _clipped(free - sum(grants.values()), hungry, left)
        # Each round but the last gives something away: what a limit clips, it leaves to some.
        if not any(more.values()):
            return grants
        grants = {key: granted + more[key] for key, granted in grants.items()}


def _given(wish: Wish, granted: int, *, is_full: bool) -> Wish:
    return replace(
        wish,
        held=wish.held + granted,
        wanted=0 if is_full else wish.wanted - granted,
        served=wish.served_with(granted),
    )


def _clipped(
    free: int, wishes: Sequence[Wish], limits: Sequence[SharedLimit]
) -> tuple[dict[int, int], int]:
    """Shares, and how many limits have clipped them."""
    by_key = {wish.key: wish for wish in wishes}
    for clipped in range(len(limits) + 1):
        grants = share(free, list(by_key.values()))
        for limit in limits:
            if sum(grants[key] for key in limit.keys) > limit.left:
                of_these = share(limit.left, [by_key[key] for key in limit.keys])
                by_key |= {k: replace(by_key[k], wanted=of_these[k]) for k in limit.keys}
                break
        else:
            return grants, clipped
    raise AssertionError("each round settles one limit: wishes only shrink")


def _share_one_class(free: int, wishes: Sequence[Wish], grants: dict[int, int]) -> int:
    """Adds to the grants, and returns how much."""
    hungry = [_Hungry.of(w, grants[w.key]) for w in wishes if w.wanted > grants[w.key]]
    free = min(free, sum(h.room for h in hungry))
    for of_one, count in _whole_parts_and_turns(free, hungry):
        grants[of_one.wish.key] += count
    return free


class _Hungry(NamedTuple):
    wish: Wish
    held: int
    room: int
    granted: int

    @classmethod
    def of(cls, wish: Wish, granted: int) -> "_Hungry":
        return cls(wish, wish.held + granted, wish.wanted - granted, granted)


def _whole_parts_and_turns(free: int, hungry: Sequence[_Hungry]) -> list[tuple[_Hungry, int]]:
    """At most as many as all have room for."""
    if len(hungry) <= 1:
        return [(h, free) for h in hungry]
    full, rising, level, weight = _waterline(free, hungry)
    grants = [(h, h.room) for h in full]
    grants += [(h, level * h.wish.weight // weight - h.held) for h in rising]
    remaining = free - sum(count for _, count in grants)
    turns = sorted(
        (h.wish.served_with(h.granted + count + 1), place)
        for place, (h, count) in enumerate(grants)
        if place >= len(full) and level * h.wish.weight % weight
    )
    return grants + [(grants[place][0], 1) for _, place in turns[:remaining]]


def _waterline(
    free: int, hungry: Sequence[_Hungry]
) -> tuple[list[_Hungry], list[_Hungry], int, int]:
    """Pours the slots into vessels as wide as the weights, filled already with what each
    holds. Returns those that are full, those that the water has reached, and how high it
    stands in these: a fraction, as its two parts."""
    starts = [(h.held / h.wish.weight, 1, place) for place, h in enumerate(hungry)]
    ends = [((h.held + h.room) / h.wish.weight, 0, place) for place, h in enumerate(hungry)]
    full: list[_Hungry] = []
    rising: dict[int, _Hungry] = {}
    left, weight = free, 0
    for height, starts_here, place in sorted(starts + ends):
        if rising and height * weight >= left:
            break
        h = hungry[place]
        if starts_here:
            rising[place] = h
            left, weight = left + h.held, weight + h.wish.weight
        else:
            full.append(rising.pop(place))
            left, weight = left - h.held - h.room, weight - h.wish.weight
    return full, list(rising.values()), left, weight
