"""What is to go wrong in a run, and when: all of it from the seed."""

from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

LEASE_SECONDS: Final = 1.5
SETTLE_SECONDS: Final = 5.0
"""Longer than a stop and the delay of a request together: what a process does that stands still
for longer than this is the doubt that docs/guarantees.md leaves."""

STOP_SECONDS: Final = (0.5 * LEASE_SECONDS, 2 * LEASE_SECONDS)

LAST_ACCIDENT: Final = 0.85
"""How much of the lists is sent when the last accident comes: something is left to be met."""


class Kind(Enum):
    KILL = "kill"
    """kill -9 of a server, and another start."""
    STOP = "stop"
    """SIGSTOP of a server for around its lease, then SIGCONT."""
    DATABASE_KILL = "kill of the database"
    """SIGKILL of the postmaster, and another start."""
    DATABASE_STOP = "immediate stop of the database"


DATABASE_KINDS: Final = frozenset({Kind.DATABASE_KILL, Kind.DATABASE_STOP})


@dataclass(frozen=True, slots=True)
class Accident:
    kind: Kind
    # Comes once so many calls have become SENDING.
    sent: int
    # How long a process stands still or stays away.
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    calls: int
    kills: int
    stops: int
    # Of the database, half of them kills.
    outages: int
    servers: int
    patience_seconds: float
    """Only there to end a run that hangs."""

    @property
    def accidents(self) -> list[Accident]:
        rng = Random(f"{self.seed}/accidents")
        kinds = [Kind.KILL] * self.kills + [Kind.STOP] * self.stops
        kinds += [Kind.DATABASE_KILL] * (self.outages - self.outages // 2)
        kinds += [Kind.DATABASE_STOP] * (self.outages // 2)
        rng.shuffle(kinds)
        moments = range(1, round(self.calls * LAST_ACCIDENT))
        return [
            Accident(kind, sent, round(_seconds(kind, rng), 3))
            for kind, sent in zip(kinds, sorted(rng.choices(moments, k=len(kinds))), strict=True)
        ]


def _seconds(kind: Kind, rng: Random) -> float:
    return rng.uniform(*STOP_SECONDS) if kind is Kind.STOP else rng.uniform(0, 0.5)


def new_plan(seed: int, calls: int, kills: int, stops: int, database: str) -> Plan:
    """Three servers on PostgreSQL, whose database breaks, too; or one on a file."""
    is_alone = database == "sqlite"
    # Whatever becomes of it, an accident is over within some seconds.
    patience_seconds = 120 + 15 * (kills + stops) + calls / 10
    return Plan(
        seed,
        calls,
        kills,
        stops,
        outages=0 if is_alone else max(1, kills // 10),
        servers=1 if is_alone else 3,
        patience_seconds=patience_seconds,
    )
