"""Concurrency slots: which scopes a call counts against, and the ledger's arithmetic.

A row of the ledger is `(scope, target_cap, hard_cap, used)`. `target_cap` is what was
asked for; `hard_cap` is what `used` may never exceed, and follows a lowered target down
as calls end. None means no limit, and is counted all the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from heapq import heapify, heappop, heappush
from typing import NamedTuple


class ScopeKind(IntEnum):
    """The numbers are stored, and are the order in which rows are locked."""

    ACCOUNT = 1
    # The account's batches together: the account less its reserve.
    ACCOUNT_BATCHES = 2
    AGENT = 3
    BATCH = 4
    CARRIER_CONFIG = 5
    PHONE_NUMBER = 6


class SlotScope(NamedTuple):
    """`owner` is the store's own key of the account, agent and so on. A tuple, since each
    claim compares, sorts and looks up a good many."""

    kind: ScopeKind
    owner: int


@dataclass(frozen=True, slots=True)
class SlotRow:
    scope: SlotScope
    target_cap: int | None
    hard_cap: int | None
    used: int
    # Of a batch that is spread over its days: when its next slot of the day is, and the
    # `Batch.plan_mark` for which that was worked out.
    opens_at: datetime | None = None
    opens_mark: int = 0
    # Of `used`, calls of outside systems: see `domain.external_call`.
    external: int = 0

    @property
    def free(self) -> int | None:
        """Slots to give out now; None means as many as you like."""
        return None if self.target_cap is None else max(0, self.target_cap - self.used)


def free_in_all(rows: Iterable[SlotRow], most: int) -> int:
    """What every scope allows at once, at most `most`."""
    return min([most, *(row.free for row in rows if row.free is not None)])


class SlotOwners(NamedTuple):
    """Whom a call counts against, as columns of its row; None where there is no such one."""

    account_key: int
    # None for an external call that names none.
    agent_key: int | None
    batch_key: int | None = None
    carrier_config_key: int | None = None
    phone_number_key: int | None = None
    # 1 for a direct call, which counts in no limit of the batches together.
    is_direct: int = 0


@lru_cache(maxsize=4096)
def scopes_of(owners: SlotOwners) -> tuple[SlotScope, ...]:
    """The scopes that a call counts against, in lock order: the one place that says so."""
    is_of_batches = owners.batch_key is not None and not owners.is_direct
    in_batches = owners.account_key if is_of_batches else None
    by_kind = (
        (ScopeKind.ACCOUNT, owners.account_key),
        (ScopeKind.ACCOUNT_BATCHES, in_batches),
        (ScopeKind.AGENT, owners.agent_key),
        (ScopeKind.BATCH, owners.batch_key),
        (ScopeKind.CARRIER_CONFIG, owners.carrier_config_key),
        (ScopeKind.PHONE_NUMBER, owners.phone_number_key),
    )
    return tuple(SlotScope(kind, owner) for kind, owner in by_kind if owner is not None)


def hard_cap_after(target_cap: int | None, used: int) -> int | None:
    """The hard cap that goes with a target: the target, or what is in use above it."""
    return None if target_cap is None else max(target_cap, used)


@dataclass(frozen=True, slots=True)
class Wish:
    """A batch that wants slots: `held` it has, at most `wanted` more it could use."""

    key: int
    priority: int
    weight: int
    held: int
    wanted: int


FLOOR_PERCENT = 5
"""Share of the slots that keeps batches of lower priority moving."""


def share(free: int, wishes: Sequence[Wish]) -> dict[int, int]:
    """Divides free slots among batches: higher priority first; among equals to whoever
    holds least for its weight; nothing left over while anyone wants it. The batches below
    the highest priority together keep a floor of `FLOOR_PERCENT` of all slots."""
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
    they share that, and what they leave is shared again among the others."""
    by_key = {wish.key: wish for wish in wishes}
    for _ in range(len(limits) + 1):
        grants = share(free, list(by_key.values()))
        for limit in limits:
            if sum(grants[key] for key in limit.keys) > limit.left:
                of_these = share(limit.left, [by_key[key] for key in limit.keys])
                by_key |= {k: replace(by_key[k], wanted=of_these[k]) for k in limit.keys}
                break
        else:
            return grants
    raise AssertionError("each round settles one limit: wishes only shrink")


def _share_one_class(free: int, wishes: Sequence[Wish], grants: dict[int, int]) -> int:
    """Fills up from the least served, in steps of one slot; returns what was given."""
    queue = [
        ((wish.held + grants[wish.key] + 1) / wish.weight, place, wish)
        for place, wish in enumerate(wishes)
        if wish.wanted > grants[wish.key]
    ]
    heapify(queue)
    given = 0
    while queue and given < free:
        _, place, wish = heappop(queue)
        grants[wish.key] += 1
        given += 1
        if wish.wanted > grants[wish.key]:
            served = (wish.held + grants[wish.key] + 1) / wish.weight
            heappush(queue, (served, place, wish))
    return given
