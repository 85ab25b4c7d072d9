"""A batch as one run of a forecast moves it: by the decisions that move real ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Final

from outdial_server.domain.batch import Batch, BatchCounts, BatchState
from outdial_server.domain.batch_policies import ConfigErrorPolicy, UnknownPolicy
from outdial_server.domain.batch_rules import close_window, open_window
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.claims import row_gates
from outdial_server.domain.daily_cap import dialled_on
from outdial_server.domain.forecast.chance import Chance
from outdial_server.domain.forecast.dialling import EndedCalls
from outdial_server.domain.forecast.holds import Holds
from outdial_server.domain.forecast.outcomes import ANSWERED
from outdial_server.domain.forecast.people import Alike, CallsOnDay, Lot, Waiting
from outdial_server.domain.forecast.question import DialledBatch
from outdial_server.domain.forecast.virtual_clock import VirtualClock
from outdial_server.domain.gates import ScopeFacts
from outdial_server.domain.ids import CallId
from outdial_server.domain.number_gates import gap_answer
from outdial_server.domain.number_rotation import NumberPool
from outdial_server.domain.number_rules import NumberUse
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.domain.retry_policy import NO_ATTEMPT_LEFT, RetryTerms, Tries
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.sharing import Wish
from outdial_server.domain.slots import SlotRow
from outdial_server.domain.throttle import ThrottleUse
from outdial_server.domain.time_zones import local_day, moment_of
from outdial_server.domain.transition import CallFacts, advance

_CALL: Final = CallId("forecast")
_PRESUMED: Final = {
    Disposition.PRESUMED_ENDED: CallState.RINGING,
    Disposition.UNKNOWN: CallState.UNKNOWN,
}


_COUNTS_PLACE: Final = [f.name for f in fields(Batch)].index("counts")


class VirtualBatch:
    def __init__(self, given: DialledBatch, clock: VirtualClock, holds: Holds) -> None:
        self.key = given.key
        self.window_keys = given.window_keys
        self._throttle_key, self._rate_key = given.throttle_key, given.rate_key
        self._numbers = given.rules.numbers
        self.holds = holds
        self.batch = given.batch
        self._facts = {f.name: getattr(given.facts, f.name) for f in fields(given.facts)}
        self._batch_values: tuple[Batch | None, list[Any]] = (None, [])
        self._ends: dict[Disposition, ScheduledCallState] = {}
        self._clock = clock
        gates = row_gates(given.batch, given.rules)
        self.waiting = Waiting(given.lots, gates, clock.moment, clock.micros)
        settings = given.batch.settings
        edges = (settings.window_start, settings.window_end)
        self.edges_us = sorted(clock.micros(edge) for edge in edges if edge is not None)
        # Slots, and people who are being dialled or talked to.
        self.held = 0
        # See `Wish.served`.
        self.served = given.facts.of_batch.served
        self.live = 0
        self.calls = 0
        self.calls_by_outcome: Counter[Disposition] = Counter()
        self.people: Counter[ScheduledCallState] = Counter()
        # Nobody need ask before; and since when somebody could have been dialled.
        self.closed_until_us = 0
        self.ready_us = 0
        self.last_end_us = 0

    @property
    def is_over(self) -> bool:
        return self.waiting.count == 0 and self.live == 0

    @property
    def people_ended(self) -> Counter[ScheduledCallState]:
        """Whoever has no try left after the budget was lowered ends as what came of the last
        one: mostly nobody was reached."""
        skipped = self.waiting.skipped
        unlucky = skipped[NO_ATTEMPT_LEFT]
        return self.people + Counter(
            {
                ScheduledCallState.FAILED: unlucky,
                ScheduledCallState.SKIPPED: skipped.total() - unlucky,
            }
        )

    @property
    def dials(self) -> bool:
        return self.batch.state is BatchState.RUNNING and self.waiting.count > 0

    def facts(
        self,
        slots: Sequence[SlotRow],
        uses: Mapping[int, ThrottleUse],
        pool: NumberPool | None = None,
    ) -> ScopeFacts:
        """Those that a forecast moves, and the others as they were found. `uses` are of its
        windows, by key."""
        moved = {
            "batch": self._counted(),
            "slots": slots,
            "throttle": None if self._throttle_key is None else uses[self._throttle_key],
            "carrier_rate": None if self._rate_key is None else uses[self._rate_key],
            "numbers": self._facts["numbers"] if pool is None else pool,
        }
        return ScopeFacts(**{**self._facts, **moved})

    def _counted(self) -> Batch:
        """With the counts of this moment. By place: `replace` takes three times as long, and
        this is asked for at each decision."""
        if self._batch_values[0] is not self.batch:
            values = [getattr(self.batch, f.name) for f in fields(self.batch)]
            self._batch_values = self.batch, values
        total = self.batch.counts.total
        values = self._batch_values[1]
        values[_COUNTS_PLACE] = BatchCounts(total, self.waiting.count, self.held)
        return Batch(*values)

    def wish(self, wanted: int) -> Wish:
        settings = self.batch.settings
        return Wish(self.key, settings.priority, settings.weight, self.held, wanted, self.served)

    def reaches_edge(self, now_us: int) -> bool:
        """Whether its window has opened or closed since this was asked last."""
        reached = [us for us in self.edges_us if us <= now_us]
        self.edges_us = self.edges_us[len(reached) :]
        return bool(reached)

    def look(self, now_us: int, most: int) -> int:
        """As `Waiting.look`; whoever is skipped by it has ended now."""
        before = self.waiting.count
        found = self.waiting.look(now_us, most)
        if self.waiting.count != before:
            self.last_end_us = now_us
        return found

    def move_window(self, now: datetime, now_us: int) -> None:
        opened = open_window(self.batch, now)
        if opened is not None:
            self.batch = opened.batch
        if not self.waiting.count:
            return
        counts = replace(self.batch.counts, waiting=self.waiting.count)
        closed = close_window(replace(self.batch, counts=counts), now)
        if closed is not None:
            self.batch = closed.batch
            self.people[ScheduledCallState.EXPIRED] += self.waiting.clear()
            self.last_end_us = now_us

    def count_dials(self, now: datetime, count: int) -> None:
        self.calls += count
        self.live += count
        if self.batch.settings.max_calls_per_day is not None:
            self.batch = _with_dials(self.batch, now, count)

    def end_calls(self, chance: Chance, calls: EndedCalls, at_us: int) -> None:
        """By the rule that real reports are applied by."""
        alike, disposition, count = calls.alike, calls.disposition, calls.count
        self.live -= count
        self.last_end_us = max(self.last_end_us, at_us)
        self.calls_by_outcome[disposition] += count
        final_state = self._ends.get(disposition)
        if final_state is not None:
            self.people[final_state] += count
            return
        terms = self._retry_terms(chance, alike, disposition)
        now = self._clock.moment(at_us)
        end = advance(self._call(disposition, terms), _report(disposition), now)
        assert end is not None, "each of these ends a call"  # noqa: S101
        if end.final_state is not None:
            self.people[end.final_state] += count
            if terms is None:
                # Where no rule of a policy names it, or none holds any more, it is the same
                # for all, from here on.
                self._ends[disposition] = end.final_state
            return
        assert end.due_at is not None, "whoever has no end waits again"  # noqa: S101
        again = replace(
            alike,
            attempts=alike.attempts + 1,
            earlier=tuple(sorted((*alike.earlier, disposition))),
            by_policy=end.by_policy,
            on_day=self._calls_on_day(alike, now),
        )
        due_at = max(end.due_at, self._rested_at(now))
        self.waiting.add(Lot(again, self._clock.micros(due_at), count))

    def _calls_on_day(self, alike: Alike, now: datetime) -> CallsOnDay | None:
        """Only where a rule for numbers asks for them."""
        if self._numbers is None or self._numbers.max_calls_per_day is None:
            return None
        midnight = moment_of(alike.time_zone, local_day(alike.time_zone, now), 0)
        before = alike.on_day
        earlier = before.calls if before is not None and before.midnight == midnight else 0
        return CallsOnDay(midnight, earlier + 1)

    def _rested_at(self, ended_at: datetime) -> datetime:
        """From when the account's gap between calls to one number allows the next."""
        if self._numbers is None or self._numbers.min_gap is None:
            return ended_at
        answer = gap_answer(self._numbers.min_gap, NumberUse(ended_at=ended_at), ended_at)
        return answer.next_at or ended_at

    def _call(self, disposition: Disposition, terms: RetryTerms | None) -> CallFacts:
        answered = disposition in ANSWERED
        live = CallState.IN_PROGRESS if answered else CallState.RINGING
        return CallFacts(
            state=_PRESUMED.get(disposition, live),
            fence=1,
            carrier_call_id="",
            answered=answered,
            holds_slot=True,
            dispatch_outcome=DispatchOutcome.ACCEPTED,
            unknown_policy=UnknownPolicy.AT_MOST_ONCE,
            on_config_error=ConfigErrorPolicy.PAUSE,
            times=self.batch.settings.call_times,
            retry=terms,
        )

    def _retry_terms(
        self, chance: Chance, alike: Alike, disposition: Disposition
    ) -> RetryTerms | None:
        """None where none can be granted."""
        policy = self.batch.settings.retry_policy
        if policy is None or self.batch.settling_to is not None:
            return None
        if policy.wait_after(disposition) is None:
            return None
        tries = Tries(alike.attempts + 1, Counter(alike.earlier))
        draw = chance.random() if policy.draws else 0.0
        return RetryTerms(policy, tries, self.batch.settings.window_end, draw)


def _with_dials(batch: Batch, now: datetime, count: int) -> Batch:
    today = local_day(batch.settings.time_zone, now).toordinal()
    before = dialled_on(today, batch.dial_day, batch.dials_on_day)
    return replace(batch, dial_day=today, dials_on_day=before + count)


def _report(disposition: Disposition) -> CallReport:
    if disposition in _PRESUMED:
        return CallReport(_CALL, ReportKind.PRESUMED_ENDED)
    return CallReport(_CALL, ReportKind.ENDED, disposition=disposition)
