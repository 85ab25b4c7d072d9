"""Concurrency slots: which scopes a call counts against, and the ledger's arithmetic.

A row of the ledger is `(scope, target_cap, hard_cap, used)`. `target_cap` is what was
asked for; `hard_cap` is what `used` may never exceed, and follows a lowered target down
as calls end. None means no limit, and is counted all the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
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
    # Of a batch or an account: see `Wish.served`.
    served: int = 0

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
