"""Which rows of a batch are dialled next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from outdial_server.domain.batch import Batch
from outdial_server.domain.gates import GateAnswer


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that waits, with what row gates judge by. `key` is the store's own; candidates
    come in the order in which they are to be dialled: due retries first, then priority,
    then position."""

    key: int
    due_at: datetime
    attempts: int
    # In normal form.
    address: str = ""
    # The person's own zone, where it was given.
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    claimed: tuple[Candidate, ...] = ()
    # Rows that a gate blocks, with the moment from which to look at them again.
    deferred: tuple[tuple[Candidate, datetime], ...] = field(default=())


RowGate = Callable[[Candidate, datetime], GateAnswer]
"""A rule of one batch, asked for one of its rows. It names the earliest moment at which it
would pass, and at that moment it passes."""

_DUE = GateAnswer("due", None)


def due_gate(candidate: Candidate, now: datetime) -> GateAnswer:
    """The moment given to a retry, or by a gate that blocked the row before."""
    if candidate.due_at <= now:
        return _DUE
    return GateAnswer("due", 0, "NOT_DUE", next_at=candidate.due_at)


def row_gates(batch: Batch) -> tuple[RowGate, ...]:
    """The gates of a batch's rows, in the order in which they are asked. A rule that the
    batch does not use has no gate, and costs nothing."""
    return (due_gate,)


def plan_claims(
    candidates: Sequence[Candidate], budget: int, gates: Sequence[RowGate], now: datetime
) -> ClaimPlan:
    """Takes candidates in their order while the budget lasts. A row that a gate blocks
    costs none of it, and is put off to the latest of its gates' next moments."""
    claimed: list[Candidate] = []
    deferred: list[tuple[Candidate, datetime]] = []
    for candidate in candidates:
        if len(claimed) >= budget:
            break
        blocked = [a for gate in gates if not (a := gate(candidate, now)).is_open]
        moments = [a.next_at for a in blocked if a.next_at is not None]
        if not blocked:
            claimed.append(candidate)
        elif moments:
            deferred.append((candidate, max(moments)))
    return ClaimPlan(tuple(claimed), tuple(deferred))


def dialing_rank(priority: int, attempts: int) -> int:
    """Orders the rows of a batch, lowest first: priority, and inside one priority those
    that were tried before. Stored, so that an index gives candidates in order."""
    return -2 * priority + (0 if attempts else 1)
