"""Routes: which carrier config a call is dialled with, where the people of a batch name theirs.

Such a batch is held back by no carrier config as a whole: each of its people is, by the gates
of the config that their own call goes through."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from outdial_server.domain.gates import (
    ANY_CALL_ENDS,
    CARRIER_RATE_REACHED,
    CONFIGURATION,
    NUMBERS,
    SLOT_GATE_OF,
    GateAnswer,
    held_account_gate,
    numbers_gate,
    slot_gate,
)
from outdial_server.domain.number_rotation import (
    CarrierAccount,
    NumberPool,
    free_together,
    least,
)
from outdial_server.domain.slots import ScopeKind

T = TypeVar("T")


def first_named(own: T | None, of_batch: T | None, of_number: T | None) -> T | None:
    """Which carrier config a call goes through: the one rule for it, of a config in whatever form
    it is known."""
    return next((one for one in (own, of_batch, of_number) if one is not None), None)


class Line(NamedTuple):
    """Who waits for the same: one carrier config, or that of the batch for None, and one of the
    batch's numbers there, or none of them."""

    config_key: int | None
    takes_number: bool

    @property
    def holder(self) -> int:
        """In place of a number's key, like `WithoutConfig`: below all of those."""
        return -2 * (2 + (self.config_key or 0)) - self.takes_number


def line_of(holder: int) -> Line | None:
    """None for the holders of others."""
    if holder > _FIRST:
        return None
    half, takes_number = divmod(-holder, 2)
    return Line(half - 2 or None, bool(takes_number))


_FIRST: Final = Line(None, takes_number=False).holder


@dataclass(frozen=True, slots=True)
class Route:
    """`account` is what calls are dialled with; None: with that of the number that they show, or
    without one. `pool` are the numbers that they show in turn; None: what they show is known."""

    line: Line
    account: CarrierAccount | None = None
    pool: NumberPool | None = None

    @property
    def is_usable(self) -> bool:
        return self.pool is None or bool(self.pool.usable)

    @property
    def free(self) -> int | None:
        """Calls that may go this way now; None means as many as you like."""
        of_account = None if self.account is None else self.account.free
        return least(of_account, None if self.pool is None else free_together(self.pool.numbers))

    @property
    def opens_at(self) -> datetime | None:
        """When more may, whatever ends until then; None where nobody knows."""
        if self.account is not None and self.account.free == 0:
            return self.account.opens_at
        moments = [] if self.pool is None else [number.opens_at for number in self.pool.usable]
        return min((at for at in moments if at is not None), default=None)

    def gate(self, now: datetime) -> GateAnswer:
        """The first that is closed, of those that a batch is asked which goes one way."""
        answers = [] if self.account is None else account_gates(self.account, now)
        if self.pool is not None:
            of_numbers = numbers_gate(self.pool)
            # Here it holds one person, and not the batch.
            answers.append(
                replace(of_numbers, waits_for=CONFIGURATION)
                if of_numbers.is_for_good
                else of_numbers
            )
        return next((answer for answer in answers if not answer.is_open), OPEN_ROUTE)


OPEN_ROUTE: Final = GateAnswer("carrier_config", None)

ROUTE_GATES: Final = frozenset(
    {SLOT_GATE_OF[ScopeKind.CARRIER_CONFIG], "carrier_account", "carrier_rate", NUMBERS}
)
"""Those of which one may answer for a person."""


def account_gates(account: CarrierAccount, now: datetime) -> list[GateAnswer]:
    """Of one carrier account, for the calls of one person."""
    answers = [slot_gate(account.slot)]
    if account.hold is not None:
        answers.append(held_account_gate(account.hold, {}))
    opens_at = account.opens_at
    if (
        all(a.is_open for a in answers)
        and account.free == 0
        and (opens_at is None or opens_at > now)
    ):
        waits_for = "" if opens_at is not None else ANY_CALL_ENDS
        answers.append(
            GateAnswer(
                "carrier_rate", 0, CARRIER_RATE_REACHED, next_at=opens_at, waits_for=waits_for
            )
        )
    return answers
