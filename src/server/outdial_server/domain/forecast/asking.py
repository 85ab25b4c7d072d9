"""What the gates of a claim say to a batch of a run, and how much it may dial by that."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outdial_server.domain.forecast.agenda import Agenda
from outdial_server.domain.forecast.grain import Grain
from outdial_server.domain.forecast.ledger import Ledger
from outdial_server.domain.forecast.throttle_log import ThrottleLog
from outdial_server.domain.forecast.virtual_batch import VirtualBatch
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
from outdial_server.domain.sharing import SharedLimit

_OF_SLOTS: Final = frozenset((*SLOT_GATE_NAMES, NUMBERS))
"""Gates that hold a call to its slot, and not to its moment."""

NO_LIMIT: Final = 1 << 40

_CHAINS_LEFT: Final = 4
"""Towards the end of a list chains grow shorter: what is left is always some of them."""


@dataclass(slots=True)
class Turn:
    """What one decision knows of a batch."""

    b: VirtualBatch
    facts: ScopeFacts
    slots: int
    calls: int
    # What the gates that count calls let through, whoever is there to be dialled.
    counted: int
    chain: int


@dataclass(slots=True)
class Asking:
    agenda: Agenda
    grain: Grain
    ledger: Ledger
    throttles: Mapping[int, ThrottleLog]
    # Of the batch that the forecast is about, when it was asked last.
    answers: Sequence[GateAnswer] = ()

    def ask(self, b: VirtualBatch, free: int) -> Turn | None:
        """The gates of a claim. None where nobody can be dialled now."""
        uses = {key: self.throttles[key].use(self.agenda.now_us) for key in b.window_keys}
        facts = b.facts(self.ledger.rows(b.key), uses, self.ledger.pool(b.key))
        answers = scope_gates(facts, self.agenda.now)
        if b is self.agenda.asked:
            self.answers = answers
        self.agenda.let_sleep(b)
        if not all(a.is_open for a in answers):
            self._hold_back(b, answers)
            return None
        chain = self._chain(b, free)
        slots = budget((a for a in answers if a.gate in _OF_SLOTS), NO_LIMIT)
        of_calls = [a for a in answers if a.gate not in _OF_SLOTS]
        calls = self._calls_left(b, facts, of_calls, slots * chain)
        found = b.look(self.agenda.now_us, calls)
        next_us = b.waiting.next_due_us
        if next_us is not None and found < calls:
            self.agenda.wake(b, next_us)
        if not found:
            b.ready_us = next_us or self.agenda.now_us
            return None
        counted = budget(of_calls, NO_LIMIT)
        return Turn(b, facts, min(slots, -(-found // chain)), found, counted, chain)

    def _calls_left(
        self, b: VirtualBatch, facts: ScopeFacts, counted: Sequence[GateAnswer], most: int
    ) -> int:
        """What the gates let through that count calls and not slots."""
        if not (self.grain.gap_us and b.batch.settings.is_spread):
            return budget(counted, most)
        # All slots of the day that have opened since the decision before.
        most = budget((a for a in counted if a.gate != PACE), most)
        since = self.agenda.clock.moment(b.ready_us)
        passed = bisect_left(
            range(1, most),
            self.agenda.now_us,
            key=lambda taken: self._next_slot_us(facts, taken, since),
        )
        return passed + 1

    def _next_slot_us(self, facts: ScopeFacts, taken: int, since: datetime) -> int:
        opens_at = next_slot_of_day(facts, taken, since)
        return self.agenda.now_us if opens_at is None else self.agenda.clock.micros(opens_at)

    def throttle_limits(self, turns: Sequence[Turn]) -> list[SharedLimit]:
        """In slots, as wishes are: a chain needs room for all its calls."""
        by_throttle: dict[int, list[Turn]] = {}
        for turn in turns:
            for key in turn.b.window_keys:
                by_throttle.setdefault(key, []).append(turn)
        return [
            SharedLimit(
                -(
                    -self.throttles[key].use(self.agenda.now_us).left
                    // max(t.chain for t in of_key)
                ),
                [t.b.key for t in of_key],
            )
            for key, of_key in by_throttle.items()
        ]

    def plan_next_slot(self, turn: Turn, taken: int) -> None:
        """As a claim does it: by the facts from before these were taken."""
        b = turn.b
        since = self.agenda.clock.moment(b.ready_us if self.grain.gap_us else self.agenda.now_us)
        opens_at = next_slot_of_day(turn.facts, taken, since)
        self.ledger.plan_next(b.key, opens_at, b.batch.plan_mark)
        b.ready_us = self.agenda.now_us if opens_at is None else self.agenda.clock.micros(opens_at)
        if b.ready_us > self.agenda.now_us:
            self.agenda.wake(b, b.ready_us)

    def _hold_back(self, b: VirtualBatch, answers: Sequence[GateAnswer]) -> None:
        moment = next_moment(answers)
        if moment is None:
            return
        b.closed_until_us = b.ready_us = self.agenda.clock.micros(moment)
        self.agenda.wake(b, b.closed_until_us)

    def _chain(self, b: VirtualBatch, free: int) -> int:
        """How many calls a slot may make without anybody being asked: not so many that the
        list is at its end, and none beyond a moment at which a gate closes."""
        if self.grain.chain == 1 or b.batch.settings.is_spread:
            return 1
        slots = b.held + -(-free // len(self.agenda.batches))
        chain = min(self.grain.chain, b.waiting.count // (_CHAINS_LEFT * max(1, slots)))
        hold_us = b.holds.mean_us()
        while chain > 1:
            at_us = self.agenda.now_us + chain * hold_us
            gates = clock_gates(b.batch, self.agenda.clock.moment(at_us))
            if all(a.is_open for a in gates) and b.waiting.stays_open(at_us):
                return chain
            chain //= 2
        return 1
