"""Gates: named rules that say whether a call may be dialled now, and if not, why and
until when. The claimer and every explanation ask the same gates.

Scope gates answer for a whole batch and together make its budget; row gates answer for
one person.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.calling_hours import Opening, next_opening
from outdial_server.domain.daily_cap import dialled_on, next_day
from outdial_server.domain.number_rotation import NumberPool, OwnNumber, free_together
from outdial_server.domain.open_time import rest_of_day
from outdial_server.domain.pacing import people_of_day, slots_at_once, wait_after
from outdial_server.domain.slots import ScopeKind, SlotRow
from outdial_server.domain.throttle import ThrottleUse
from outdial_server.domain.time_zones import local_day
from outdial_server.domain.trouble import Hold, Trouble

ANY_CALL_ENDS: Final = "ANY_CALL_ENDS"
CONFIGURATION: Final = "CONFIGURATION"
ROWS_END: Final = "ROWS_END"
SERVER: Final = "SERVER"
PACE: Final = "pace"
NUMBERS: Final = "numbers"


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """One gate's answer. `budget` is how many calls it lets through now (None: any
    number). Blocked for good has neither `next_at` nor `waits_for`."""

    gate: str
    budget: int | None
    reason: str = ""
    figures: Mapping[str, int] = field(default_factory=dict)
    next_at: datetime | None = None
    waits_for: str = ""
    # When a claim asks again about a row, where an event may open the gate before `next_at`,
    # or has to. No promise.
    look_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.budget is None or self.budget > 0

    @property
    def is_for_good(self) -> bool:
        return not self.is_open and self.next_at is None and not self.waits_for


@dataclass(frozen=True, slots=True)
class ScopeFacts:
    """What scope gates judge one batch by, read for claims and explanations alike."""

    batch: Batch
    # Of its scopes, in their order.
    slots: Sequence[SlotRow]
    # None without one.
    throttle: ThrottleUse | None = None
    # The same of its carrier config's rate.
    carrier_rate: ThrottleUse | None = None
    # The numbers that it chooses from; None for one that shows a mere text, or nothing.
    numbers: NumberPool | None = None
    # Of its carrier config; None where nothing is wrong.
    trouble: Trouble | None = None

    @property
    def of_batch(self) -> SlotRow:
        return next(row for row in self.slots if row.scope.kind is ScopeKind.BATCH)

    @property
    def unsent(self) -> int:
        """Calls that are claimed and not yet SENDING: no count of the batch has them."""
        counts = self.batch.counts
        return max(0, self.of_batch.used - counts.dialing - counts.in_progress)


def batch_state_gate(batch: Batch) -> GateAnswer:
    if batch.state is BatchState.RUNNING:
        return GateAnswer("batch_state", None)
    opens_at = batch.settings.window_start if batch.state is BatchState.SCHEDULED else None
    return GateAnswer("batch_state", 0, f"BATCH_{batch.state.name}", next_at=opens_at)


_NOTHING_REPLACED: Final = GateAnswer("replacement", None)


def replacement_gate(batch: Batch) -> GateAnswer:
    """Whoever a new list has replaced is ended before any of the batch is dialled, so that no
    claim has to tell the ones from the others."""
    if not batch.is_replacing:
        return _NOTHING_REPLACED
    return GateAnswer(_NOTHING_REPLACED.gate, 0, "ROWS_BEING_REPLACED", waits_for=ROWS_END)


def window_gate(batch: Batch, now: datetime) -> GateAnswer:
    start, end = batch.settings.window_start, batch.settings.window_end
    if start is not None and now < start:
        return GateAnswer("batch_window", 0, "WINDOW_NOT_OPEN", next_at=start)
    if end is not None and now >= end:
        return GateAnswer("batch_window", 0, "WINDOW_CLOSED")
    return GateAnswer("batch_window", None)


def agent_gate(batch: Batch) -> GateAnswer:
    """A batch that runs is held until somebody makes its agent active, and then goes on by
    itself."""
    if batch.agent_active:
        return GateAnswer("agent", None)
    return GateAnswer("agent", 0, "AGENT_INACTIVE")


_HOURS_OPEN: Final = GateAnswer("calling_hours", None)


def hours_answer(opening: Opening, now: datetime) -> GateAnswer:
    """By the opening that is open now, or the next."""
    if opening.opens_at <= now:
        return _HOURS_OPEN
    return GateAnswer("calling_hours", 0, "OUTSIDE_CALLING_HOURS", next_at=opening.opens_at)


def hours_gate(batch: Batch, now: datetime) -> GateAnswer:
    """For a batch whose people are all called by its own zone. The others have a row gate."""
    hours = batch.settings.calling_hours
    if hours is None or batch.has_other_zones:
        return _HOURS_OPEN
    return hours_answer(next_opening(hours, batch.settings.time_zone, now), now)


def daily_cap_gate(batch: Batch, now: datetime) -> GateAnswer:
    settings = batch.settings
    cap, zone = settings.max_calls_per_day, settings.time_zone
    if cap is None:
        return _NO_DAILY_CAP
    today = local_day(zone, now).toordinal()
    used = dialled_on(today, batch.dial_day, batch.dials_on_day)
    figures = {"used": used, "cap": cap}
    if used < cap:
        return GateAnswer("daily_cap", cap - used, figures=figures)
    hours = None if batch.has_other_zones else settings.calling_hours
    return GateAnswer(
        "daily_cap", 0, "DAILY_CAP_REACHED", figures, next_at=next_day(zone, now, hours)
    )


_NO_DAILY_CAP: Final = GateAnswer("daily_cap", None)


def webhook_gate(rests_until: datetime, now: datetime) -> GateAnswer:
    """After a request that its webhook did not take a batch rests."""
    if rests_until <= now:
        return GateAnswer("webhook", None)
    return GateAnswer("webhook", 0, "WEBHOOK_FAILED", next_at=rests_until)


def pace_gate(facts: ScopeFacts, now: datetime) -> GateAnswer:
    """For a batch that is spread over its days."""
    batch, own = facts.batch, facts.of_batch
    people = _people_of_day(facts, now)
    figures = {"left_today": people}
    is_of_this_plan = own.opens_mark == batch.plan_mark
    if is_of_this_plan and own.opens_at is not None and now < own.opens_at:
        return GateAnswer(PACE, 0, "NEXT_SLOT_OF_DAY", figures, next_at=own.opens_at)
    at_once = slots_at_once(people, rest_of_day(batch.open_time, now))
    return GateAnswer(PACE, at_once, figures=figures)


def next_slot_of_day(facts: ScopeFacts, taken: int, now: datetime) -> datetime | None:
    """When the slot is that comes after `taken` calls that are claimed now, of a batch whose
    pace gate was open. None: at any time, since nobody is left for today."""
    rest = rest_of_day(facts.batch.open_time, now)
    wait = wait_after(taken, _people_of_day(facts, now), rest)
    return None if wait is None or not rest.stretches else rest.after(wait)


def _people_of_day(facts: ScopeFacts, now: datetime) -> int:
    batch, settings = facts.batch, facts.batch.settings
    today = local_day(settings.time_zone, now).toordinal()
    used = dialled_on(today, batch.dial_day, batch.dials_on_day) + facts.unsent
    return people_of_day(
        (settings.max_calls_per_day or 0) - used, batch.counts.waiting - facts.unsent
    )


def slot_gate(row: SlotRow) -> GateAnswer:
    name = SLOT_GATE_OF[row.scope.kind]
    figures = {"used": row.used}
    if row.target_cap is not None:
        figures["cap"] = row.target_cap
    if row.external:
        figures["external"] = row.external
    free = row.free
    if free == 0:
        return GateAnswer(name, 0, "NO_FREE_SLOT", figures, waits_for=ANY_CALL_ENDS)
    return GateAnswer(name, free, figures=figures)


def clock_gates(batch: Batch, now: datetime) -> tuple[GateAnswer, ...]:
    """Those of a batch that the clock alone opens and closes: they may be asked for any
    moment. The window comes first."""
    return window_gate(batch, now), hours_gate(batch, now)


def throttle_gate(use: ThrottleUse) -> GateAnswer:
    rule = use.decisive
    figures = {
        "used": rule.used,
        "cap": rule.rule.max_calls,
        "window_seconds": int(rule.rule.window.total_seconds()),
    }
    if use.left == 0:
        return GateAnswer("throttle", 0, "THROTTLED", figures, next_at=rule.opens_at)
    return GateAnswer("throttle", use.left, figures=figures)


def carrier_rate_gate(use: ThrottleUse) -> GateAnswer:
    """A throttle of one rule, whose window need not be whole seconds."""
    (rule,) = use.rules
    figures = {
        "used": rule.used,
        "cap": rule.rule.max_calls,
        "window_ms": rule.rule.window // timedelta(milliseconds=1),
    }
    if use.left == 0:
        return GateAnswer("carrier_rate", 0, CARRIER_RATE_REACHED, figures, next_at=rule.opens_at)
    return GateAnswer("carrier_rate", use.left, figures=figures)


_ACCOUNT_WORKS: Final = GateAnswer("carrier_account", None)


def carrier_account_gate(trouble: Trouble, now: datetime) -> GateAnswer:
    """For a batch whose carrier config is in trouble, or was a moment ago."""
    hold = trouble.hold(now)
    if hold is None:
        return _ACCOUNT_WORKS
    return held_account_gate(hold, {"failures": trouble.breaker.failures})


def held_account_gate(hold: Hold, figures: Mapping[str, int]) -> GateAnswer:
    """By what holds its calls back."""
    if hold.left:
        return GateAnswer(_ACCOUNT_WORKS.gate, hold.left, figures=figures)
    return GateAnswer(
        _ACCOUNT_WORKS.gate, 0, hold.reason, figures, next_at=hold.next_at, waits_for=hold.waits_for
    )


def numbers_gate(pool: NumberPool) -> GateAnswer:
    """Of all its people, those with a caller ID of their own too. Without a number that can be
    used the batch is held until somebody changes that."""
    usable = pool.usable
    figures = {"numbers": len(pool.numbers), "usable": len(usable)}
    if not usable:
        lacking = sum(number.lacks_config for number in pool.numbers)
        if lacking:
            figures["without_config"] = lacking
            return GateAnswer(NUMBERS, 0, NUMBERS_WITHOUT_CONFIG, figures)
        return GateAnswer(NUMBERS, 0, NO_USABLE_NUMBER, figures)
    free = free_together(usable)
    if free is None:
        return GateAnswer(NUMBERS, None, figures=figures)
    figures |= {"used": sum(n.used for n in usable), "cap": sum(n.cap or 0 for n in usable)}
    if free == 0:
        return _numbers_full(usable, figures)
    return GateAnswer(NUMBERS, free, figures=figures)


def _numbers_full(usable: Sequence[OwnNumber], figures: Mapping[str, int]) -> GateAnswer:
    if all(number.is_refused for number in usable):
        reason = NUMBERS_REFUSED
    elif any(number.lacks_account for number in usable):
        reason = NUMBERS_ACCOUNTS_FULL
    elif any(number.is_refused for number in usable):
        reason = NUMBERS_FULL
    else:
        return GateAnswer(NUMBERS, 0, NUMBERS_FULL, figures, waits_for=ANY_CALL_ENDS)
    opens = [number.opens_at for number in usable]
    return GateAnswer(
        NUMBERS,
        0,
        reason,
        figures,
        min((at for at in opens if at is not None), default=None),
        ANY_CALL_ENDS if None in opens else "",
    )


CARRIER_RATE_REACHED: Final = "CARRIER_RATE_REACHED"
NO_USABLE_NUMBER: Final = "NO_USABLE_NUMBER"
NUMBERS_WITHOUT_CONFIG: Final = "NUMBERS_WITHOUT_CONFIG"
NUMBERS_FULL: Final = "NUMBERS_FULL"
NUMBERS_ACCOUNTS_FULL: Final = "NUMBERS_ACCOUNTS_FULL"
NUMBERS_REFUSED: Final = "NUMBERS_REFUSED"


def scope_gates(facts: ScopeFacts, now: datetime) -> tuple[GateAnswer, ...]:
    """The answers for a batch, in the order in which they are asked."""
    return (
        batch_state_gate(facts.batch),
        *((replacement_gate(facts.batch),) if facts.batch.is_replacing else ()),
        *clock_gates(facts.batch, now),
        agent_gate(facts.batch),
        daily_cap_gate(facts.batch, now),
        *(() if facts.batch.rests_until is None else (webhook_gate(facts.batch.rests_until, now),)),
        *((pace_gate(facts, now),) if facts.batch.settings.is_spread else ()),
        *map(slot_gate, facts.slots),
        *(() if facts.trouble is None else (carrier_account_gate(facts.trouble, now),)),
        *(() if facts.throttle is None else (throttle_gate(facts.throttle),)),
        *(() if facts.carrier_rate is None else (carrier_rate_gate(facts.carrier_rate),)),
        *(() if facts.numbers is None else (numbers_gate(facts.numbers),)),
    )


def budget(answers: Iterable[GateAnswer], most: int) -> int:
    """How many calls all gates let through, at most `most`."""
    return min([most, *(a.budget for a in answers if a.budget is not None)])


def next_moment(answers: Iterable[GateAnswer]) -> datetime | None:
    """When all gates that name a moment will be open; None when none does."""
    return max((a.next_at for a in answers if a.next_at is not None), default=None)


SLOT_GATE_OF: Final = {kind: f"slots_{kind.name.lower()}" for kind in ScopeKind}

SLOT_GATE_NAMES: Final = tuple(SLOT_GATE_OF.values())
