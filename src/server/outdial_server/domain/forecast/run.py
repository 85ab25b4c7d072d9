"""One run of a forecast: from event to event until the batch that is asked about has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outdial_server.domain.call import CallTimes, Disposition
from outdial_server.domain.forecast.agenda import Agenda
from outdial_server.domain.forecast.asking import NO_LIMIT, Asking, Turn
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
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.sharing import in_turn, share_within


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
class Run:
    question: Question
    chance: Chance
    batches: Mapping[int, VirtualBatch]
    agenda: Agenda
    asking: Asking
    ledger: Ledger
    throttles: Mapping[int, ThrottleLog]
    series: Series | None = None
    # Slots that came free since the decision before, by their moments.
    _freed: list[int] = field(default_factory=list)
    _first_call_us: int | None = None

    @property
    def asked(self) -> VirtualBatch:
        return self.batches[self.question.asked]

    def result(self) -> RunResult:
        horizon_us = self.question.horizon // MICROSECOND
        is_stuck = False
        while self.agenda.now_us < horizon_us:
            self._decide()
            if self.asked.is_over:
                break
            next_us = self.agenda.next_us()
            if next_us is None:
                is_stuck = True
                break
            if self.series is not None:
                self.series.stand(self.agenda.now_us, min(next_us, horizon_us), self._standing())
            self.agenda.now_us = next_us
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
            next((a for a in self.asking.answers if not a.is_open), None) if is_stuck else None,
        )

    def _end_calls(self) -> None:
        for key, ending in self.agenda.take_due():
            b = self.batches[key]
            if ending.slots:
                b.held -= ending.slots
                self.ledger.move(b.key, -ending.slots)
                self._freed += [ending.at_us] * ending.slots
            if ending.calls is not None:
                b.end_calls(self.chance, ending.calls, ending.at_us)

    def _decide(self) -> None:
        self.agenda.count_decision()
        now = self.agenda.now
        for b in self.batches.values():
            if b.reaches_edge(self.agenda.now_us):
                b.move_window(now, self.agenda.now_us)
        free = self.ledger.free(NO_LIMIT)
        turns = [
            turn
            for b in self.batches.values()
            if b.dials and (b is self.asked or (free and b.closed_until_us <= self.agenda.now_us))
            if (turn := self.asking.ask(b, free)) is not None
        ]
        if free and turns:
            self._share_out(free, turns)
        self._freed.clear()

    def _standing(self) -> Standing:
        if not self.asked.dials:
            # Nobody asks its gates now: their last answers are of another moment.
            return Standing(self.asked.held)
        limits = tuple(
            (a.gate, a.figures["used"], a.figures["cap"])
            for a in self.asking.answers
            if "used" in a.figures and "cap" in a.figures
        )
        return Standing(self.asked.held, limits)

    def _share_out(self, free: int, turns: Sequence[Turn]) -> None:
        wishes = in_turn(turn.b.wish(turn.slots) for turn in turns)
        of_slots = self.ledger.limits(turn.b.key for turn in turns)
        limits = [*of_slots, *self.asking.throttle_limits(turns)]
        granted = share_within(free, wishes, limits)
        served = {wish.key: wish for wish in wishes}
        self._freed.sort()
        for turn in turns:
            dialled = self._dial(turn, granted[turn.b.key])
            turn.b.served = served[turn.b.key].served_with(dialled)
            if dialled >= turn.counted or (turn.b is self.asked and self.series is not None):
                # Of a gate that is full now: when does it open? And how far are they used?
                self.asking.ask(turn.b, free)
            elif not turn.b.batch.settings.is_spread:
                turn.b.ready_us = self.agenda.now_us

    def _dial(self, turn: Turn, slots: int) -> int:
        """Returns how many."""
        if not slots:
            return 0
        b = turn.b
        calls = min(turn.calls, slots * turn.chain)
        windows = [self.throttles[key] for key in b.window_keys]
        calls = min([calls, *(window.use(self.agenda.now_us).left for window in windows)])
        slots = min(slots, calls)
        if not calls:
            return 0
        taken = b.waiting.take(self.chance, calls)
        starts = self._starts(b, slots)
        for window in windows:
            window.count(starts[-1], calls)
        if b.batch.settings.is_spread:
            self.asking.plan_next_slot(turn, calls)
        b.count_dials(self.agenda.now, calls)
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
        for ending in draw(self.chance, b.holds, taken, starts, self.agenda.grain.parts):
            self.agenda.expect(b, ending)

    def _starts(self, b: VirtualBatch, slots: int) -> list[int]:
        """The moments at which they would have started, had every event had a decision of
        its own: as soon as a slot came free, and the batch was open."""
        starts = [max(b.ready_us, at_us) for at_us in self._freed[:slots]]
        del self._freed[:slots]
        return [*starts, *([self.agenda.now_us] * (slots - len(starts)))]


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
    throttles = {
        key: ThrottleLog(past, clock.moment, grain.calls)
        for key, past in question.throttles.items()
    }
    agenda = Agenda(clock, grain, batches[question.asked], batches.values())
    ledger = Ledger(question.batches)
    asking = Asking(agenda, grain, ledger, throttles)
    series = Series() if draws else None
    run = Run(question, chance, batches, agenda, asking, ledger, throttles, series)
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
            run.agenda.expect(b, Ending(rest_us, 1, EndedCalls(call.alike, disposition)))
