"""Which rows of a batch are dialled next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from outdial_server.domain import limits
from outdial_server.domain.account import AccountRules
from outdial_server.domain.batch import Batch
from outdial_server.domain.calling_hours import CallingHours, HoursByZone
from outdial_server.domain.gates import ANY_CALL_ENDS, CONFIGURATION, GateAnswer, hours_answer
from outdial_server.domain.number_gates import day_answer, gap_answer
from outdial_server.domain.number_rotation import OwnNumber
from outdial_server.domain.number_rules import UNCALLED, NumberRules, NumberUse
from outdial_server.domain.retry_policy import NO_ATTEMPT_LEFT, attempt_cap
from outdial_server.domain.route import OPEN_ROUTE, ROUTE_GATES, Route
from outdial_server.domain.suppression import SUPPRESSED
from outdial_server.domain.time_zones import UTC_ZONE

GROUP_MOST: Final = 500
"""A claim of so many takes some 20 ms of the writer: others have their turn in between."""


class WithoutConfig(IntEnum):
    """Why a row has no carrier config to be dialled with, where no number of the account's is at
    fault. Stored in place of a number's key, and no number has these."""

    # It has a caller ID that is a mere text.
    BY_ITS_TEXT = 0
    # It shows what its batch says, and that is no number of the account's.
    BY_ITS_BATCH = -1


class Candidate(NamedTuple):
    """A row that waits, with what row gates judge by. `key` is the store's own; candidates
    come in the order in which they are to be dialled: by priority, then due retries first,
    then by position."""

    key: int
    due_at: datetime
    attempts: int
    # In normal form.
    address: str = ""
    # The one that the person is called by.
    time_zone: str = UTC_ZONE
    # On the account's do-not-call list at this moment.
    suppressed: bool = False
    # What it waits for is a try that the batch's retry policy has granted.
    by_policy: bool = False
    # What the account's rules for numbers judge by; without any it is not read.
    number: NumberUse = UNCALLED
    # The number of the account's that it is bound to, if it is bound to one.
    caller_number: OwnNumber | None = None
    without_config: WithoutConfig | None = None
    # Which way it goes, in a batch whose people go several.
    route: Route | None = None


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    claimed: tuple[Candidate, ...] = ()
    # Rows that a gate blocks, with the moment from which to look at them again.
    deferred: tuple[tuple[Candidate, datetime], ...] = field(default=())
    # Rows that a gate blocks for good, with its reason.
    skipped: tuple[tuple[Candidate, str], ...] = field(default=())
    # Keys of those put off which the end of a call may let through before their moment.
    unsure: frozenset[int] = frozenset()
    # Rows that a gate blocks until an event of which nobody knows when it comes.
    held: tuple[Candidate, ...] = field(default=())


RowGate = Callable[[Candidate, datetime], GateAnswer]
"""A rule of one batch, asked for one of its rows. It names the earliest moment at which it
would pass, and at that moment it passes; or what it waits for, and when to ask it again; with
neither it blocks for good."""

_DUE = GateAnswer("due", None)
_NOT_SUPPRESSED = GateAnswer("suppression", None)
_SUPPRESSED = GateAnswer("suppression", 0, SUPPRESSED)
_ATTEMPTS = GateAnswer("attempts", None)


def due_gate(candidate: Candidate, now: datetime) -> GateAnswer:
    """The moment given to a retry, or by a gate that blocked the row before."""
    if candidate.due_at <= now:
        return _DUE
    return GateAnswer("due", 0, "NOT_DUE", next_at=candidate.due_at)


def suppression_gate(candidate: Candidate, now: datetime) -> GateAnswer:
    """For good, even where the entry has an end: who asked for peace is not called as soon
    as it is over, unless somebody puts them on a list again."""
    return _SUPPRESSED if candidate.suppressed else _NOT_SUPPRESSED


@lru_cache(maxsize=limits.ATTEMPTS_MAX)
def attempts_gate(cap: int) -> RowGate:
    """The budget was kept when the retry policy granted the try; it may have been lowered
    since. What somebody asked for by hand, and the unknown policy, need none."""

    def ask(candidate: Candidate, now: datetime) -> GateAnswer:
        if not candidate.by_policy or candidate.attempts < cap:
            return _ATTEMPTS
        figures = {"used": candidate.attempts, "cap": cap}
        return GateAnswer("attempts", 0, NO_ATTEMPT_LEFT, figures)

    return ask


def caller_id_gate(candidate: Candidate, now: datetime) -> GateAnswer:
    """For who is to be shown a certain number, of the account's own; or none, where it is the
    number that has the carrier config."""
    if candidate.without_config is not None:
        return _NO_CONFIG
    number = candidate.caller_number
    if number is None or number.free is None:
        return _CALLER_ID
    figures = {"used": number.used} | ({} if number.cap is None else {"cap": number.cap})
    if not number.is_usable:
        why = NUMBER_WITHOUT_CONFIG if number.lacks_config else NUMBER_NOT_USABLE
        return GateAnswer(_CALLER_ID.gate, 0, why, figures, waits_for=CONFIGURATION)
    if number.free != 0 or (number.opens_at is not None and number.opens_at <= now):
        return GateAnswer(_CALLER_ID.gate, None, figures=figures)
    reason = NUMBER_ACCOUNT_FULL if number.lacks_account else NUMBER_FULL
    if number.is_refused:
        reason = NUMBER_REFUSED
    if number.opens_at is not None:
        return GateAnswer(_CALLER_ID.gate, 0, reason, figures, next_at=number.opens_at)
    return GateAnswer(_CALLER_ID.gate, 0, reason, figures, waits_for=ANY_CALL_ENDS)


def route_gate(candidate: Candidate, now: datetime) -> GateAnswer:
    """The carrier config that the row itself is dialled with."""
    return OPEN_ROUTE if candidate.route is None else candidate.route.gate(now)


_CALLER_ID = GateAnswer("caller_id", None)
_NO_CONFIG = GateAnswer("caller_id", 0, "CALLER_ID_WITHOUT_CONFIG", waits_for=CONFIGURATION)
NUMBER_NOT_USABLE: Final = "NUMBER_NOT_USABLE"
NUMBER_WITHOUT_CONFIG: Final = "NUMBER_WITHOUT_CONFIG"
NUMBER_FULL: Final = "NUMBER_FULL"
NUMBER_ACCOUNT_FULL: Final = "NUMBER_ACCOUNT_FULL"
NUMBER_REFUSED: Final = "NUMBER_REFUSED"


def row_gates(batch: Batch, rules: AccountRules) -> tuple[RowGate, ...]:
    """The gates of a batch's rows, in the order in which they are asked. A rule that the
    batch and its account do not use has no gate, and costs nothing; but the budget is asked
    for without a retry policy, too: there may have been one when the try was granted."""
    suppression = (suppression_gate,) if rules.has_suppressions else ()
    attempts = attempts_gate(attempt_cap(batch.settings.retry_policy))
    numbers = () if rules.numbers is None else number_gates(rules.numbers)
    by_number = rules.has_phone_numbers or batch.lacks_config
    caller_id = (caller_id_gate,) if by_number else ()
    route = (route_gate,) if batch.has_own_configs else ()
    return (*suppression, due_gate, attempts, *_hours_gates(batch), *numbers, *caller_id, *route)


@lru_cache(maxsize=1024)
def number_gates(rules: NumberRules) -> tuple[RowGate, ...]:
    """Asked for once more at SENDING: a number may be on several lists at once."""
    gap, cap = rules.min_gap, rules.max_calls_per_day
    gates: list[RowGate] = []
    if gap is not None:
        gates.append(lambda candidate, now: gap_answer(gap, candidate.number, now))
    if cap is not None:
        gates.append(lambda c, now: day_answer(cap, c.time_zone, c.number, now))
    return tuple(gates)


def _hours_gates(batch: Batch) -> tuple[RowGate, ...]:
    """Where all are called by one zone, a scope gate has answered for all of them."""
    hours = batch.settings.calling_hours
    return () if hours is None or not batch.has_other_zones else (row_hours_gate(hours),)


def row_hours_gate(hours: CallingHours) -> RowGate:
    opening = HoursByZone(hours)
    return lambda candidate, now: hours_answer(opening(candidate.time_zone, now), now)


def plan_claims(
    candidates: Sequence[Candidate], budget: int, gates: Sequence[RowGate], now: datetime
) -> ClaimPlan:
    """Takes candidates in their order while the budget lasts. A row that a gate blocks
    costs none of it, and is put off to the latest moment at which one of its gates is to be
    asked again, skipped by the first gate that blocks for good, or held where none but those of
    its number and its route are in its way, or name a moment: there are as many as you like of
    one number."""
    claimed: list[Candidate] = []
    deferred: list[tuple[Candidate, datetime]] = []
    skipped: list[tuple[Candidate, str]] = []
    unsure: set[int] = set()
    held: list[Candidate] = []
    for candidate in candidates:
        if len(claimed) >= budget:
            break
        blocked = [a for gate in gates if not (a := gate(candidate, now)).is_open]
        if not blocked:
            claimed.append(candidate)
            continue
        moments = [at for a in blocked if (at := _moment_of(a)) is not None]
        for_good = next((a for a in blocked if a.is_for_good), None)
        if for_good is not None:
            skipped.append((candidate, for_good.reason))
        elif moments:
            deferred.append((candidate, max(moments)))
            if any(a.look_at is not None for a in blocked):
                unsure.add(candidate.key)
        else:
            held.append(candidate)
    return ClaimPlan(
        tuple(claimed), tuple(deferred), tuple(skipped), frozenset(unsure), tuple(held)
    )


def _moment_of(answer: GateAnswer) -> datetime | None:
    return None if answer.gate in _HOLDING else answer.look_at or answer.next_at


_HOLDING: Final = ROUTE_GATES | {_CALLER_ID.gate}


def dialing_rank(priority: int, attempts: int) -> int:
    """Orders the rows of a batch, lowest first: priority, and inside one priority those
    that were tried before, or were to be. Stored, so that an index gives candidates in order."""
    return -2 * priority + (0 if attempts else 1)
