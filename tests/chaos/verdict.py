"""What a run ends with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chaos.judge import (
    Outcome,
    Ringing,
    count_unknown,
    gaps,
    lost,
    over_caps,
    rung_twice,
    unfaithful,
    unknown_of_others,
    untrue,
)
from chaos.lists import CalledList
from chaos.watchers import Witness


@dataclass(frozen=True, slots=True)
class Verdict:
    seed: int
    figures: Mapping[str, int | str]
    # In words; empty when all were kept.
    broken: tuple[str, ...]

    def in_words(self) -> str:
        width = max(map(len, self.figures))
        lines = [f"  {name:<{width}}  {figure}" for name, figure in self.figures.items()]
        lines += [f"BROKEN: {promise}" for promise in self.broken]
        lines.append(f"seed {self.seed}: {self._summary()}")
        return "\n".join(lines)

    def _summary(self) -> str:
        return f"{len(self.broken)} broken promises" if self.broken else "all promises kept"


def judged_ringing(rang: Ringing, lists: Sequence[CalledList]) -> Iterator[str]:
    """The promises that were broken by what rang, whether or not it came to its end."""
    yield from rung_twice(rang)
    yield from over_caps(rang, lists)


def judged(
    outcomes: Sequence[Outcome], witnesses: Sequence[Witness], rang: Ringing
) -> Iterator[str]:
    """The others, once all was over."""
    if rang.alive:
        yield f"{rang.alive} calls are still alive at the carrier"
    for outcome in outcomes:
        yield from lost(outcome)
        yield from untrue(outcome.rows, rang)
        yield from gaps(outcome.log, outcome.batch.sequence)
        yield from unknown_of_others(outcome.log)
        for witness in witnesses:
            if witness.batch_id == outcome.called.batch_id:
                yield from unfaithful(witness, outcome.log)


def figures_of(
    outcomes: Sequence[Outcome], witnesses: Sequence[Witness], rang: Ringing
) -> dict[str, int | str]:
    return {
        "people": sum(len(outcome.called.people) for outcome in outcomes),
        "requests at the carrier": rang.requests,
        "phones that rang": rang.people.total(),
        "completed": sum(outcome.batch.counts.completed for outcome in outcomes),
        "failed": sum(outcome.batch.counts.failed for outcome in outcomes),
        "unknown for a while": sum(count_unknown(outcome.log) for outcome in outcomes),
        "live at the most": ", ".join(f"{n} of {name}" for name, n in rang.live_most.items()),
        "watchers": len(witnesses),
        "streams of watchers": sum(witness.streams for witness in witnesses),
        "events told": sum(len(witness.heard) for witness in witnesses),
    }
