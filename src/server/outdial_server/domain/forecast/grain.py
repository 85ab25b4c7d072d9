"""How finely a forecast looks: each call by itself where there are few, many calls at once
where there are many, so that its length is bounded whatever it is asked."""

from dataclasses import dataclass
from typing import Final

from outdial_server.domain.forecast.question import Question
from outdial_server.domain.slots import ScopeKind

_BATCH_ROUNDS_MOST: Final = 20_000
"""Decisions about one batch, over all runs: some 100 µs each."""

_ROUNDS_LEAST: Final = 150
_ROUNDS_MOST: Final = 20_000

_TRIES_A_PERSON: Final = 1.6
"""With a retry policy: only for the size of the work, nothing else rests on it."""

_PARTS_MOST: Final = 8
_PARTS_LEAST: Final = 2
_PARTS_OF_ALL: Final = 32
"""Events between two decisions, over all batches: more of them lie closer together than
anybody decides."""


@dataclass(frozen=True, slots=True)
class Grain:
    """`calls` are decided on together; a slot makes `chain` of them one behind the other
    before anybody is asked again; decisions are at least `gap_us` apart."""

    calls: int = 1
    chain: int = 1
    gap_us: int = 0
    # Calls that start together come to about so many events at most: more of them are drawn as
    # parts, each as long as its calls are in the mean, so that sums spread as those of single
    # calls do.
    parts: int = _PARTS_MOST
    # After so many decisions a run takes larger steps, whatever comes.
    rounds: int = _ROUNDS_MOST


def work_of(question: Question) -> int:
    """About how many calls there are to make."""
    calls = 0.0
    for b in question.batches:
        people = sum(lot.count for lot in b.lots)
        tries = _TRIES_A_PERSON if b.batch.settings.retry_policy else 1.0
        calls += people * tries
    return int(calls)


def runs_for(calls: int) -> int:
    """Numbers for which a tenth below and a tenth above are whole runs: see `ranges`."""
    return 39 if calls <= 500 else 19 if calls <= 5_000 else 9


def grain_of(question: Question, runs: int, hold_us: int) -> Grain:
    """`hold_us`: about how long a call holds its slot."""
    dialled = sum(1 for b in question.batches if b.lots) or 1
    rounds = min(_ROUNDS_MOST, max(_ROUNDS_LEAST, _BATCH_ROUNDS_MOST // (runs * dialled)))
    calls = -(-work_of(question) // rounds) or 1
    if calls == 1:
        return Grain(rounds=rounds)
    slots = _slots(question)
    parts = min(_PARTS_MOST, max(_PARTS_LEAST, _PARTS_OF_ALL // dialled))
    gap_us = calls * hold_us // slots
    return Grain(calls, max(1, 4 * calls // slots), gap_us, parts, rounds)


def _slots(question: Question) -> int:
    caps = [
        row.target_cap
        for b in question.batches
        for row in b.facts.slots
        if row.scope.kind is ScopeKind.ACCOUNT_BATCHES and row.target_cap is not None
    ]
    return max(1, min(caps, default=1))
