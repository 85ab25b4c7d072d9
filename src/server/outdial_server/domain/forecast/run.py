"""One run of a forecast: from event to event until the batch that is asked about has ended."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Final

from outdial_server.domain.call import CallTimes, Disposition
from outdial_server.domain.forecast.chance import Chance
from outdial_server.domain.forecast.dialling import (
    EndedCalls,
    Ending,
    Taken,
    chained,
    one_each,
    parts,
)
from outdial_server.domain.forecast.grain import Grain
from outdial_server.domain.forecast.holds import Holds
from outdial_server.domain.forecast.ledger import Ledger
from outdial_server.domain.forecast.outcomes import OutcomeModel
from outdial_server.domain.forecast.question import DialledBatch, Question
from outdial_server.domain.forecast.series import Series, Standing
from outdial_server.domain.forecast.throttle_log import ThrottleLog
from outdial_server.domain.forecast.virtual_batch import VirtualBatch
from outdial_server.domain.forecast.virtual_clock import MICROSECOND, VirtualClock
from outdial_server.domain.gates import (
    NUMBERS,
    PACE,
    SLOT_GATE_NAMES,
    GateAnswer,
    ScopeFacts,
    budget,
    clock_gates,
    next_moment,
    next_slot_of_day,
    scope_gates,
)
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.sharing import SharedLimit, in_turn, share_within

_OF_SLOTS: Final = frozenset((*SLOT_GATE_NAMES, NUMBERS))
"""Gates that hold a call to its slot, and not to its moment."""

_NO_LIMIT: Final = 1 << 40
_PACED_DECISIONS: Final = 16
_SLOWER_MOST: Final = 12
_ROUNDS_MORE: Final = 4
"""Decisions that a run may take, as a multiple of those that were foreseen."""

_CHAINS_LEFT: Final = 4
"""Towards the end of a list chains grow shorter: what is left is always some of them."""

_GAPS_LEFT: Final = 16
"""And decisions come closer together: so many more until the end."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of the batch that was asked about, from the forecast's moment on."""

    # None: not before the horizon.
    ended_us: int | None
    first_call_us: int | None
    calls: int
    calls_by_outcome: Mapping[Disposition, int]
    people: Mapping[ScheduledCallState, int]
    skipped: Mapping[str, int]
    waiting: int
    # None of a run that does not note what happens when.
    series: Series | None
    # With nothing left to happen, the gate that nobody gets past.
    stuck_at: GateAnswer | None = None


@dataclass(slots=True)
class _Turn:
    """What one decision knows of a batch."""

    b: VirtualBatch
    facts: ScopeFacts
    slots: int
    calls: int
    # What the gates that count calls let through, whoever is there to be dialled.
    counted: int
    chain: int


@dataclass(slots=True)
class Run:
    question: Question
    chance: Chance
    grain: Grain
    clock: VirtualClock
    batches: Mapping[int, VirtualBatch]
    ledger: Ledger
    throttles: Mapping[int, ThrottleLog]
    now_us: int = 0
    series: Series | None = None
    _endings: list[tuple[int, int, int, Ending]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    # Slots that came free since the decision before, by their moments.
    _freed: list[int] = field(default_factory=list)
    _decisions: int = 0
    # Decisions are apart by the grain's gap, doubled so often; and calls made by then.
    _slower: int = 0
    _made: int = 0
    _first_call_us: int | None = None
    _answers: Sequence[GateAnswer] = ()
    _wakes: dict[int, int] = field(default_factory=dict)

    @property
    def asked(self) -> VirtualBatch:
        return self.batches[self.question.asked]

    def result(self) -> RunResult:
        horizon_us = self.question.horizon // MICROSECOND
        is_stuck = False
        while self.now_us < horizon_us:
            self._decide()
            if self.asked.is_over:
                break
            next_us = self._next_us()
            if next_us is None:
                is_stuck = True
                break
            if self.series is not None:
                self.series.stand(self.now_us, min(next_us, horizon_us), self._standing())
            self.now_us = next_us
            self._end_calls()
        asked = self.asked
        return RunResult(
            asked.last_end_us if asked.is_over else None,
            self._first_call_us,
            asked.calls,
            asked.calls_by_outcome,
            asked.people_ended,
            asked.waiting.skipped,
            asked.waiting.count,
            self.series,
            next((a for a in self._answers if not a.is_open), None) if is_stuck else None,
        )

    # --- time

    def _next_us(self) -> int | None:
        """When something happens that a decision could depend on."""
        wakes = [us for us in self._wakes.values() if us > self.now_us]
        wakes += [b.edges_us[0] for b in self.batches.values() if b.edges_us]
        if self._endings:
            wakes.append(self._endings[0][0])
        if not wakes:
            return None
        next_us = max(min(wakes), self.now_us + 1)
        gathered_us = self.now_us + self._gap_us()
        return next_us if next_us >= gathered_us else self._before_closing(next_us, gathered_us)

    def _before_closing(self, next_us: int, gathered_us: int) -> int:
        """When events are gathered, not beyond the last moment at which the batch is open:
        what has come due by then still goes."""
        batch = self.asked.batch

        def is_closed(at_us: int) -> bool:
            return not all(a.is_open for a in clock_gates(batch, self.clock.moment(at_us)))

        if is_closed(next_us) or not is_closed(gathered_us):
            return gathered_us
        closed = bisect_left(range(next_us, gathered_us), 1, key=lambda us: int(is_closed(us)))
        return next_us + closed - 1

    def _gap_us(self) -> int:
        gap_us, asked = self.grain.gap_us << self._slower, self.asked
        if gap_us and asked.held and asked.waiting.count:
            left_us = asked.waiting.count * asked.holds.mean_us() // asked.held
            gap_us = min(gap_us, left_us // _GAPS_LEFT)
        too_many = self._decisions // (_ROUNDS_MORE * self.grain.rounds)
        if too_many:
            # The bound on every run: from here on its time doubles with each so many.
            gap_us = max(gap_us, (self.now_us << too_many) // self.grain.rounds)
        return gap_us

    def _end_calls(self) -> None:
        while self._endings and self._endings[0][0] <= self.now_us:
            at_us, _, key, ending = heappop(self._endings)
            b = self.batches[key]
            if ending.slots:
                b.held -= ending.slots
                self.ledger.move(b.key, -ending.slots)
                self._freed += [at_us] * ending.slots
            if ending.calls is not None:
                b.end_calls(self.chance, ending.calls, at_us)

    def expect(self, b: VirtualBatch, ending: Ending) -> None:
        heappush(self._endings, (ending.at_us, next(self._numbers), b.key, ending))

    # --- decisions

    def _keep_pace(self) -> None:
        """Where something else than slots holds the calls back, decisions would come too
        often for so many of them."""
        if self.grain.calls == 1 or self._decisions % _PACED_DECISIONS:
            return
        made = sum(b.calls for b in self.batches.values())
        foreseen = self.grain.calls * _PACED_DECISIONS
        if made - self._made < foreseen // 2:
            self._slower = min(self._slower + 1, _SLOWER_MOST)
        elif made - self._made > foreseen:
            self._slower = max(0, self._slower - 1)
        self._made = made

    def _decide(self) -> None:
        self._decisions += 1
        self._keep_pace()
        now = self.clock.moment(self.now_us)
        for b in self.batches.values():
            if b.reaches_edge(self.now_us):
                b.move_window(now, self.now_us)
        free = self.ledger.free(_NO_LIMIT)
        turns = [
            turn
            for b in self.batches.values()
            if b.dials and (b is self.asked or (free and b.closed_until_us <= self.now_us))
            if (turn := self._ask(b, free, now)) is not None
        ]
        if free and turns:
            self._share_out(free, turns, now)
        self._freed.clear()

    def _standing(self) -> Standing:
        if not self.asked.dials:
            # Nobody asks its gates now: their last answers are of another moment.
            return Standing(self.asked.held)
        limits = tuple(
            (a.gate, a.figures["used"], a.figures["cap"])
            for a in self._answers
            if "used" in a.figures and "cap" in a.figures
        )
        return Standing(self.asked.held, limits)

    def _ask(self, b: VirtualBatch, free: int, now: datetime) -> _Turn | None:
        """The gates of a claim. None where nobody can be dialled now."""
        uses = {key: self.throttles[key].use(self.now_us) for key in b.window_keys}
        facts = b.facts(self.ledger.rows(b.key), uses, self.ledger.pool(b.key))
        answers = scope_gates(facts, now)
        if b is self.asked:
            self._answers = answers
        self._wakes.pop(b.key, None)
        if not all(a.is_open for a in answers):
            self._hold_back(b, answers)
            return None
        chain = self._chain(b, free)
        slots = budget((a for a in answers if a.gate in _OF_SLOTS), _NO_LIMIT)
        of_calls = [a for a in answers if a.gate not in _OF_SLOTS]
        calls = self._calls_left(b, facts, of_calls, slots * chain)
        found = b.look(self.now_us, calls)
        next_us = b.waiting.next_due_us
        if next_us is not None and found < calls:
            self._wakes[b.key] = next_us
        if not found:
            b.ready_us = next_us or self.now_us
            return None
        counted = budget(of_calls, _NO_LIMIT)
        return _Turn(b, facts, min(slots, -(-found // chain)), found, counted, chain)

    def _calls_left(
        self, b: VirtualBatch, facts: ScopeFacts, counted: Sequence[GateAnswer], most: int
    ) -> int:
        """What the gates let through that count calls and not slots."""
        if not (self.grain.gap_us and b.batch.settings.is_spread):
            return budget(counted, most)
        # All slots of the day that have opened since the decision before.
        most = budget((a for a in counted if a.gate != PACE), most)
        since = self.clock.moment(b.ready_us)
        passed = bisect_left(
            range(1, most),
            self.now_us,
            key=lambda taken: self._next_slot_us(facts, taken, since),
        )
        return passed + 1

    def _next_slot_us(self, facts: ScopeFacts, taken: int, since: datetime) -> int:
        opens_at = next_slot_of_day(facts, taken, since)
        return self.now_us if opens_at is None else self.clock.micros(opens_at)

    def _plan_next_slot(self, turn: _Turn, taken: int) -> None:
        """As a claim does it: by the facts from before these were taken."""
        b = turn.b
        since = self.clock.moment(b.ready_us if self.grain.gap_us else self.now_us)
        opens_at = next_slot_of_day(turn.facts, taken, since)
        self.ledger.plan_next(b.key, opens_at, b.batch.plan_mark)
        b.ready_us = self.now_us if opens_at is None else self.clock.micros(opens_at)
        if b.ready_us > self.now_us:
            self._wakes[b.key] = b.ready_us

    def _hold_back(self, b: VirtualBatch, answers: Sequence[GateAnswer]) -> None:
        moment = next_moment(answers)
        if moment is None:
            return
        b.closed_until_us = b.ready_us = self.clock.micros(moment)
        self._wakes[b.key] = b.closed_until_us

    def _chain(self, b: VirtualBatch, free: int) -> int:
        """How many calls a slot may make without anybody being asked: not so many that the
        list is at its end, and none beyond a moment at which a gate closes."""
        if self.grain.chain == 1 or b.batch.settings.is_spread:
            return 1
        slots = b.held + -(-free // len(self.batches))
        chain = min(self.grain.chain, b.waiting.count // (_CHAINS_LEFT * max(1, slots)))
        hold_us = b.holds.mean_us()
        while chain > 1:
            at_us = self.now_us + chain * hold_us
            gates = clock_gates(b.batch, self.clock.moment(at_us))
            if all(a.is_open for a in gates) and b.waiting.stays_open(at_us):
                return chain
            chain //= 2
        return 1

    def _share_out(self, free: int, turns: Sequence[_Turn], now: datetime) -> None:
        wishes = in_turn(turn.b.wish(turn.slots) for turn in turns)
        of_slots = self.ledger.limits(turn.b.key for turn in turns)
        limits = [*of_slots, *self._throttle_limits(turns)]
        granted = share_within(free, wishes, limits)
        served = {wish.key: wish for wish in wishes}
        self._freed.sort()
        for turn in turns:
            dialled = self._dial(turn, granted[turn.b.key], now)
            turn.b.served = served[turn.b.key].served_with(dialled)
            if dialled >= turn.counted or (turn.b is self.asked and self.series is not None):
                # Of a gate that is full now: when does it open? And how far are they used?
                self._ask(turn.b, free, now)
            elif not turn.b.batch.settings.is_spread:
                turn.b.ready_us = self.now_us

    def _throttle_limits(self, turns: Sequence[_Turn]) -> list[SharedLimit]:
        """In slots, as wishes are: a chain needs room for all its calls."""
        by_throttle: dict[int, list[_Turn]] = {}
        for turn in turns:
            for key in turn.b.window_keys:
                by_throttle.setdefault(key, []).append(turn)
        return [
            SharedLimit(
                -(-self.throttles[key].use(self.now_us).left // max(t.chain for t in of_key)),
                [t.b.key for t in of_key],
            )
            for key, of_key in by_throttle.items()
        ]

    def _dial(self, turn: _Turn, slots: int, now: datetime) -> int:
        """Returns how many."""
        if not slots:
            return 0
        b = turn.b
        calls = min(turn.calls, slots * turn.chain)
        windows = [self.throttles[key] for key in b.window_keys]
        calls = min([calls, *(window.use(self.now_us).left for window in windows)])
        slots = min(slots, calls)
        if not calls:
            return 0
        taken = b.waiting.take(self.chance, calls)
        starts = self._starts(b, slots)
        for window in windows:
            window.count(starts[-1], calls)
        if b.batch.settings.is_spread:
            self._plan_next_slot(turn, calls)
        b.count_dials(now, calls)
        self.start(b, taken, starts)
        if b is self.asked:
            self._first_call_us = starts[0] if self._first_call_us is None else self._first_call_us
            if self.series is not None:
                for start_us, part in zip(starts, parts(calls, slots), strict=True):
                    self.series.count(start_us, part)
        return calls

    def start(self, b: VirtualBatch, taken: Taken, starts: Sequence[int]) -> None:
        """Slots are taken, and how these calls end is settled."""
        b.held += len(starts)
        self.ledger.move(b.key, len(starts))
        draw = one_each if sum(n for _, n in taken) == len(starts) else chained
        for ending in draw(self.chance, b.holds, taken, starts, self.grain.parts):
            self.expect(b, ending)

    def _starts(self, b: VirtualBatch, slots: int) -> list[int]:
        """The moments at which they would have started, had every event had a decision of
        its own: as soon as a slot came free, and the batch was open."""
        starts = [max(b.ready_us, at_us) for at_us in self._freed[:slots]]
        del self._freed[:slots]
        return [*starts, *([self.now_us] * (slots - len(starts)))]


def new_run(
    question: Question,
    models: Mapping[int, OutcomeModel],
    chance: Chance,
    grain: Grain,
    *,
    draws: bool = True,
) -> Run:
    """`draws`: whether it notes what happens when."""
    clock = VirtualClock(question.at)
    drawn = {agent: model.draw(chance) for agent, model in sorted(models.items())}
    holds: dict[tuple[int, CallTimes], Holds] = {}
    for b in question.batches:
        times = b.batch.settings.call_times
        holds.setdefault((b.agent_key, times), Holds(drawn[b.agent_key], times))
    batches = {
        b.key: VirtualBatch(b, clock, holds[b.agent_key, b.batch.settings.call_times])
        for b in question.batches
    }
    run = Run(
        question,
        chance,
        grain,
        clock,
        batches,
        Ledger(question.batches),
        {
            key: ThrottleLog(past, clock.moment, grain.calls)
            for key, past in question.throttles.items()
        },
        series=Series() if draws else None,
    )
    for given in question.batches:
        _go_on(run, given)
    return run


def _go_on(run: Run, given: DialledBatch) -> None:
    """Calls that are under way at the start. The ledger holds their slots already."""
    b = run.batches[given.key]
    for call in given.live:
        for _ in range(call.count):
            rest_us, disposition = b.holds.rest_us(
                run.chance, call.alike.attempts + 1, call.elapsed_us, call.talked_us
            )
            b.held += 1
            b.live += 1
            run.expect(b, Ending(rest_us, 1, EndedCalls(call.alike, disposition)))
