"""What a forecast is made from: an account at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.account import AccountRules
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.forecast.history import History
from outdial_server.domain.forecast.people import Alike, Lot
from outdial_server.domain.forecast.throttle_log import ThrottlePast
from outdial_server.domain.gates import ScopeFacts

HORIZON_DEFAULT: Final = timedelta(days=30)
HORIZON_MIN: Final = timedelta(minutes=1)
HORIZON_MAX: Final = timedelta(days=60)

BATCHES_MOST: Final = 200
"""Batches of one account that a forecast lets run side by side."""


@dataclass(frozen=True, slots=True)
class LiveCall:
    """Calls that are under way and as far along as each other."""

    alike: Alike
    elapsed_us: int = 0
    # Since it was answered; None before.
    talked_us: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class DialledBatch:
    """A batch of the account. One that is not dialled, as when it is paused, has no lots, and
    its live calls hold their slots until they end. `key` and `agent_key` are the store's."""

    key: int
    agent_key: int
    # As the gates are to find it: a draft that is asked about has been started.
    batch: Batch
    rules: AccountRules
    facts: ScopeFacts
    throttle_key: int | None = None
    # Of its carrier config's rate, which is a throttle, too.
    rate_key: int | None = None
    lots: Sequence[Lot] = ()
    live: Sequence[LiveCall] = ()

    @property
    def window_keys(self) -> tuple[int, ...]:
        """The throttles whose windows its calls count in."""
        return tuple(key for key in (self.throttle_key, self.rate_key) if key is not None)


@dataclass(frozen=True, slots=True)
class Question:
    """Moments in lots, live calls and throttles are microseconds from `at`."""

    at: datetime
    horizon: timedelta
    # The key of the batch that is asked about.
    asked: int
    batches: Sequence[DialledBatch]
    throttles: Mapping[int, ThrottlePast] = field(default_factory=dict)
    history: History = field(default_factory=History)
    # The state of the batch before it was started or resumed for the forecast.
    found_in: BatchState = BatchState.RUNNING

    @property
    def asked_batch(self) -> DialledBatch:
        return next(b for b in self.batches if b.key == self.asked)

    @property
    def assumes_start(self) -> bool:
        return self.found_in in (BatchState.DRAFT, BatchState.PAUSED)
