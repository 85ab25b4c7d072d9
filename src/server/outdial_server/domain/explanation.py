"""Why calls are dialled or not: the answers of all gates, in order, and what they come to.

The gates of a claim answer for batch and row. What a claim decides between batches and
rows, and what stands beside the claims, is put into answers of the same form here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from outdial_server.domain.account import AccountRules
from outdial_server.domain.batch import Batch
from outdial_server.domain.carrier_config import Dialler
from outdial_server.domain.claims import Candidate, RowGate, row_gates
from outdial_server.domain.gates import (
    ANY_CALL_ENDS,
    CONFIGURATION,
    SERVER,
    GateAnswer,
    clock_gates,
)
from outdial_server.domain.number_rotation import CarrierAccount, OwnNumber
from outdial_server.domain.scheduled_call import ScheduledCall

NEXT_CLAIM: Final = "NEXT_CLAIM"
ROWS_AHEAD: Final = "ROWS_AHEAD"

STALLED_AFTER: Final = timedelta(seconds=30)
"""Claims come every few seconds at least; a loop that fails tries again each second."""


class GateLevel(IntEnum):
    """What a gate judges."""

    BATCH = 1
    ROW = 2
    CHOICE = 3
    SERVER = 4


@dataclass(frozen=True, slots=True)
class LevelledAnswer:
    level: GateLevel
    answer: GateAnswer


@dataclass(frozen=True, slots=True)
class Count:
    """Counted up to a bound; `more` when there are more than `number`."""

    number: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class WaitingRows:
    """The rows of a batch that wait, as a claim would find them."""

    waiting: int
    # Have a slot, and are about to be sent.
    claimed: int
    due: Count
    put_off: Count
    # Of those due, how many no gate blocks, as far as one claim looks.
    open: int
    # One claim would put off as many blocked rows as it may, and look no further.
    cut: bool
    # The earliest moment of those that a gate blocks.
    next_due_at: datetime | None
    # Some of those may be dialled as soon as a call ends.
    awaits_calls: bool = False
    # What those wait for that are held: a free slot of a number, or that somebody makes one of
    # use. Empty when none is held.
    held_for: str = ""


@dataclass(frozen=True, slots=True)
class SharedOut:
    """How the account's free slots are shared out among its batches."""

    held: int
    held_by_others: int
    granted: int
    granted_to_others: int


@dataclass(frozen=True, slots=True)
class RowTally:
    """How many rows of those looked at a row gate blocks, for one reason."""

    gate: str
    reason: str
    rows: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchStanding:
    """A batch at one moment, `at`, which is the store's."""

    at: datetime
    batch: Batch
    rules: AccountRules
    scope_answers: Sequence[GateAnswer]
    rows: WaitingRows
    share: SharedOut
    tallies: Sequence[RowTally]
    tallied_rows: int
    # With whom its calls may be dialled.
    diallers: frozenset[Dialler] = frozenset()


def diallers_of_numbers(batch: Batch, numbers: Iterable[OwnNumber]) -> frozenset[Dialler]:
    accounts = (number.account for number in numbers)
    return frozenset(_dialler(batch, account) for account in accounts if account is not None)


def diallers_of(batch: Batch, candidate: Candidate) -> frozenset[Dialler]:
    """Of one of its people, where they go several ways or show a certain number; empty where the
    batch tells."""
    number, route = candidate.caller_number, candidate.route
    if route is not None and route.account is not None:
        return frozenset({_dialler(batch, route.account)})
    if route is not None and route.pool is not None:
        return diallers_of_numbers(batch, route.pool.usable)
    return diallers_of_numbers(batch, () if number is None else (number,))


def _dialler(batch: Batch, account: CarrierAccount) -> Dialler:
    return Dialler(account.carrier or batch.carrier, account.ref)


@dataclass(frozen=True, slots=True)
class RowStanding:
    """A row and its batch at one moment. `candidate` is set while it waits without a slot,
    `lease_ends_at` while it has one and is not sent."""

    row: ScheduledCall
    batch: BatchStanding
    candidate: Candidate | None
    ahead: Count
    is_chosen: bool
    lease_ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class DiallingState:
    """This server, as far as it can hold dialling."""

    is_draining: bool
    last_claim_at: datetime | None
    # Claimed calls that its dialler has not sent yet.
    unsent: int
    is_behind: bool
    now: datetime
    # Why it dials nobody, whatever the batches say; empty when it does. See domain.obstacle.
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the answers come to. `blocking` is what stands in the way for longest; None when
    nothing does. `next_at` is from when nothing does: unset where one of them waits for an
    event, or is blocked for good. `too_late` will be in the way for good by the moment at
    which the others would not be."""

    blocking: GateAnswer | None = None
    next_at: datetime | None = None
    too_late: GateAnswer | None = None


_ROUNDS_MOST: Final = 16
"""A moment at which one gate opens may be one at which another is closed: each round goes
on to when that one opens."""


def verdict(
    answers: Iterable[GateAnswer], later: Callable[[datetime], Iterable[GateAnswer]]
) -> Verdict:
    """`later` asks the gates that may be closed again at a later moment."""
    blocked = [answer for answer in answers if not answer.is_open]
    if not blocked:
        return Verdict()
    longest = _longest(blocked)
    in_the_way = blocked
    for _ in range(_ROUNDS_MOST):
        endless = [a for a in in_the_way if a.next_at is None or a.waits_for]
        if endless:
            for_good = next((a for a in endless if a.is_for_good), None)
            return Verdict(longest, None, None if in_the_way is blocked else for_good)
        at = max(a.next_at for a in in_the_way if a.next_at is not None)
        in_the_way = [answer for answer in later(at) if not answer.is_open]
        if not in_the_way:
            return Verdict(longest, at)
    return Verdict(longest)


def _longest(blocked: Sequence[GateAnswer]) -> GateAnswer:
    """What somebody must change comes first, then the latest moment, then events, of which
    nobody knows when they come. Of equals it is the one that is asked first."""
    for_somebody = [a for a in blocked if a.is_for_good or a.waits_for == CONFIGURATION]
    if for_somebody:
        return for_somebody[0]
    moments = [(a.next_at, a) for a in blocked if a.next_at is not None and not a.waits_for]
    return max(moments, key=lambda pair: pair[0])[1] if moments else blocked[0]


def rows_gate(rows: WaitingRows, live: int) -> GateAnswer:
    """Whether anybody of a batch is there to be dialled. Its moment is that of the rows
    that wait now: one that comes back from a call may be dialled earlier."""
    figures = {
        "waiting": rows.waiting,
        "claimed": rows.claimed,
        "due": rows.due.number,
        "put_off": rows.put_off.number,
    }
    if rows.open:
        return GateAnswer("rows", None, figures=figures)
    if rows.waiting == 0:
        waits_for = ANY_CALL_ENDS if live else ""
        return GateAnswer("rows", 0, "NOBODY_WAITS", figures, waits_for=waits_for)
    if rows.cut:
        return GateAnswer("rows", 0, "ROWS_BEING_PUT_OFF", figures, waits_for=NEXT_CLAIM)
    if rows.awaits_calls:
        return GateAnswer("rows", 0, "NUMBERS_IN_CALLS", figures, waits_for=ANY_CALL_ENDS)
    if rows.held_for:
        return GateAnswer("rows", 0, _HELD[rows.held_for], figures, waits_for=rows.held_for)
    if rows.due.number and rows.next_due_at is None:
        return GateAnswer("rows", 0, "ROWS_BEING_SKIPPED", figures, waits_for=NEXT_CLAIM)
    if rows.next_due_at is None:
        return GateAnswer("rows", 0, "ALL_CLAIMED", figures, waits_for=SERVER)
    return GateAnswer("rows", 0, "ROWS_PUT_OFF", figures, next_at=rows.next_due_at)


_HELD: Final = {
    ANY_CALL_ENDS: "ROWS_WAIT_FOR_NUMBERS",
    CONFIGURATION: "ROWS_WAIT_FOR_CONFIGURATION",
}


def foreseen(
    rows: WaitingRows, candidates: Sequence[Candidate], gates: Sequence[RowGate], now: datetime
) -> WaitingRows:
    """The same for a batch all of whose rows are known. A row that was put off is asked again
    at its moment, and may have to wait on: for the rest of a number whose call has ended since,
    say. So it is asked now what it will be told then."""
    if rows.open or rows.next_due_at is None:
        return rows
    asked = [_asks(candidate, gates) for candidate in candidates]
    moments = [verdict(ask(now), ask).next_at for ask in asked]
    known = [moment for moment in moments if moment is not None]
    if known:
        return replace(rows, next_due_at=min(known))
    await_calls = any(a.waits_for == ANY_CALL_ENDS for ask in asked for a in ask(now))
    return replace(rows, awaits_calls=True) if await_calls and not rows.held_for else rows


def _asks(
    candidate: Candidate, gates: Sequence[RowGate]
) -> Callable[[datetime], Sequence[GateAnswer]]:
    return lambda at: [gate(candidate, at) for gate in gates]


def share_gate(share: SharedOut, *, is_asked: bool) -> GateAnswer:
    """`is_asked`: the gates before let something through, so that a share is wanted."""
    figures = {
        "held": share.held,
        "held_by_others": share.held_by_others,
        "granted": share.granted,
        "granted_to_others": share.granted_to_others,
    }
    if is_asked and share.granted == 0:
        return GateAnswer("share", 0, "SLOTS_GO_TO_OTHERS", figures, waits_for=ANY_CALL_ENDS)
    return GateAnswer("share", share.granted if is_asked else None, figures=figures)


def place_gate(ahead: Count, *, is_asked: bool, is_chosen: bool) -> GateAnswer:
    """A row's place in the order of its batch."""
    figures = {"ahead": ahead.number, "more": int(ahead.more)}
    if is_asked and not is_chosen:
        return GateAnswer("place", 0, "ROWS_AHEAD", figures, waits_for=ROWS_AHEAD)
    return GateAnswer("place", None, figures=figures)


def server_gates(
    state: DiallingState, at: datetime, *, has_carrier: bool
) -> tuple[GateAnswer, GateAnswer, GateAnswer]:
    carrier = GateAnswer("carrier", None)
    if not has_carrier:
        carrier = GateAnswer("carrier", 0, "CARRIER_NOT_CONFIGURED", waits_for=CONFIGURATION)
    server = GateAnswer("server", None)
    if state.is_draining:
        server = GateAnswer("server", 0, "SERVER_DRAINING", waits_for=SERVER)
    return carrier, server, _engine_gate(state, at)


def _engine_gate(state: DiallingState, at: datetime) -> GateAnswer:
    # By the clock that wakes the loops; the store's own may differ.
    figures = {"unsent": state.unsent, "clock_behind_ms": _milliseconds(at - state.now)}
    if state.obstacle:
        return GateAnswer("engine", 0, state.obstacle, figures, waits_for=SERVER)
    if state.last_claim_at is None:
        return GateAnswer("engine", 0, "NO_CLAIM_YET", figures, waits_for=SERVER)
    since = state.now - state.last_claim_at
    figures["last_claim_ms_ago"] = _milliseconds(since)
    if state.is_behind:
        return GateAnswer("engine", 0, "DIALLER_BEHIND", figures, waits_for=SERVER)
    if since > STALLED_AFTER:
        return GateAnswer("engine", 0, "CLAIMS_STALLED", figures, waits_for=SERVER)
    return GateAnswer("engine", None, figures=figures)


def _milliseconds(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def batch_answers(standing: BatchStanding) -> list[LevelledAnswer]:
    """All gates of a batch, in the order in which they are asked."""
    rows = rows_gate(standing.rows, standing.batch.counts.live)
    is_asked = rows.is_open and all(a.is_open for a in standing.scope_answers)
    return [
        *_at(GateLevel.BATCH, standing.scope_answers),
        *_at(GateLevel.CHOICE, [rows, share_gate(standing.share, is_asked=is_asked)]),
    ]


def row_answers(standing: RowStanding, candidate: Candidate) -> list[LevelledAnswer]:
    """All gates of a row that waits, in the order in which they are asked."""
    batch = standing.batch
    of_row = [gate(candidate, batch.at) for gate in row_gates(batch.batch, batch.rules)]
    is_asked = all(a.is_open for a in (*batch.scope_answers, *of_row))
    share = share_gate(batch.share, is_asked=is_asked)
    place = place_gate(
        standing.ahead, is_asked=is_asked and share.is_open, is_chosen=standing.is_chosen
    )
    return [
        *_at(GateLevel.BATCH, batch.scope_answers),
        *_at(GateLevel.ROW, of_row),
        *_at(GateLevel.CHOICE, [share, place]),
    ]


def batch_verdict(standing: BatchStanding, answers: Iterable[LevelledAnswer]) -> Verdict:
    return verdict(
        (levelled.answer for levelled in answers),
        lambda at: clock_gates(standing.batch, at),
    )


def row_verdict(
    standing: RowStanding, candidate: Candidate, answers: Iterable[LevelledAnswer]
) -> Verdict:
    batch = standing.batch.batch
    gates = row_gates(batch, standing.batch.rules)
    return verdict(
        (levelled.answer for levelled in answers),
        lambda at: [*clock_gates(batch, at), *(gate(candidate, at) for gate in gates)],
    )


def server_answers(
    state: DiallingState, at: datetime, *, has_carrier: bool
) -> list[LevelledAnswer]:
    return _at(GateLevel.SERVER, server_gates(state, at, has_carrier=has_carrier))


def _at(level: GateLevel, answers: Iterable[GateAnswer]) -> list[LevelledAnswer]:
    return [LevelledAnswer(level, answer) for answer in answers]


def tally(
    candidates: Sequence[Candidate], gates: Sequence[RowGate], now: datetime
) -> tuple[RowTally, ...]:
    """What blocks these rows, most rows first."""
    found: dict[tuple[str, str], list[datetime | None]] = {}
    for candidate in candidates:
        for gate in gates:
            answer = gate(candidate, now)
            if not answer.is_open:
                found.setdefault((answer.gate, answer.reason), []).append(answer.next_at)
    tallies = [
        RowTally(gate, reason, len(moments), min((m for m in moments if m), default=None))
        for (gate, reason), moments in found.items()
    ]
    return tuple(sorted(tallies, key=lambda t: -t.rows))
