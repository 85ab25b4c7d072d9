"""The outcome model: how calls end and how long they hold a slot.

Rates have a Dirichlet posterior, lengths are drawn anew from those observed; a run draws both
once, so that what is not known about them is in the range of the answer. docs/forecast.md has
the prior and the weights.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from outdial_server.domain.call import CallTimes, Disposition
from outdial_server.domain.forecast.chance import Chance, dirichlet, multinomial
from outdial_server.domain.forecast.history import PastCall

OUTCOMES: Final = tuple(Disposition)

ANSWERED: Final = frozenset(
    {Disposition.ANSWERED_HUMAN, Disposition.ANSWERED_MACHINE, Disposition.UNJOINED}
)

DEFAULT_RATES: Final[Mapping[Disposition, float]] = {
    Disposition.ANSWERED_HUMAN: 0.45,
    Disposition.ANSWERED_MACHINE: 0.15,
    Disposition.BUSY: 0.06,
    Disposition.NO_ANSWER: 0.25,
    Disposition.REJECTED: 0.05,
    Disposition.INVALID_NUMBER: 0.02,
    Disposition.FAILED: 0.02,
}

_DEFAULT_WEIGHT: Final = 10.0
"""The default rates count as so many calls."""

_ACCOUNT_WEIGHT_MOST: Final = 50.0
"""Calls of other agents count as at most so many of this one's."""

_LATER_TRY_WEIGHT: Final = 20.0
"""Later tries end as earlier ones do, unless so many of them and more say otherwise."""

TRIES_APART: Final = 3
"""The third try and all behind it are one class."""

_LENGTHS_LEAST: Final = 5
"""With fewer lengths of an outcome, others stand in for those that are missing."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long one call rang and was talked on. Where it rang for as long as it may,
    `ring_seconds` are those beyond."""

    ring_seconds: float
    talk_seconds: float = 0.0
    rang_out: bool = False
    lead_seconds: float = 0.0

    def hold_seconds(self, times: CallTimes) -> float:
        """For how long such a call holds its slot under these limits."""
        timeout = times.ring_timeout.total_seconds()
        ring = timeout + self.ring_seconds if self.rang_out else min(self.ring_seconds, timeout)
        return (
            self.lead_seconds
            + max(0.0, ring)
            + min(self.talk_seconds, times.max_duration.total_seconds())
        )


_RINGS: Final = (4.0, 8.0, 12.0, 17.0, 24.0)
_DEFAULT_LENGTHS: Final[Mapping[Disposition, Sequence[Length]]] = {
    Disposition.ANSWERED_HUMAN: [
        Length(ring, talk) for ring, talk in zip(_RINGS, (15, 40, 75, 130, 240), strict=True)
    ],
    Disposition.ANSWERED_MACHINE: [
        Length(ring, talk) for ring, talk in zip(_RINGS, (8, 15, 22, 30, 45), strict=True)
    ],
    Disposition.NO_ANSWER: [Length(0.0, rang_out=True)],
    Disposition.INVALID_NUMBER: [Length(0.5)],
    Disposition.FAILED: [Length(2.0)],
}
_OTHER_LENGTHS: Final = [Length(ring) for ring in _RINGS]

_RANG_OUT_FROM: Final = 0.95
"""Of the time that a call may ring: carriers are not exact to the last moment."""


def _length_of(call: PastCall) -> Length:
    rang_out = (
        call.disposition is Disposition.NO_ANSWER
        and call.ring_seconds >= _RANG_OUT_FROM * call.ring_timeout_seconds
    )
    ring = call.ring_seconds - call.ring_timeout_seconds if rang_out else call.ring_seconds
    return Length(ring, call.talk_seconds, rang_out, call.lead_seconds)


@dataclass(frozen=True, slots=True)
class OutcomeModel:
    """Of one agent: what is known, before chance takes its part."""

    # For the first try, the second, and those behind: what was seen, as counts by outcome.
    weights: Sequence[Sequence[float]]
    prior: Sequence[float]
    lengths: Mapping[Disposition, Sequence[Length]]

    def draw(self, chance: Chance) -> "DrawnOutcomes":
        """One model of those that the history allows."""
        rates: list[list[float]] = []
        before: Sequence[float] = self.prior
        for seen in self.weights:
            drawn = dirichlet(chance, [a + b for a, b in zip(before, seen, strict=True)])
            rates.append(drawn)
            before = [_LATER_TRY_WEIGHT * rate for rate in drawn]
        return DrawnOutcomes(rates, {d: _resample(chance, s) for d, s in self.lengths.items()})


@dataclass(frozen=True, slots=True)
class DrawnOutcomes:
    """Of one agent in one run: what the run takes for the truth."""

    rates: Sequence[Sequence[float]]
    lengths: Mapping[Disposition, Sequence[Length]]

    def outcomes(
        self, chance: Chance, attempt: int, count: int
    ) -> Iterable[tuple[Disposition, int]]:
        """How `count` calls end which are the try of that number."""
        rates = self.rates[min(attempt, TRIES_APART) - 1]
        drawn = multinomial(chance, count, rates)
        return [(OUTCOMES[i], n) for i, n in enumerate(drawn) if n]


def _resample(chance: Chance, lengths: Sequence[Length]) -> Sequence[Length]:
    """As many again, drawn with repetition: where few were seen, draws differ a lot."""
    return [lengths[int(chance.random() * len(lengths))] for _ in lengths]


def outcome_model(
    of_agent: Sequence[PastCall], of_account: Sequence[PastCall] = ()
) -> OutcomeModel:
    """Of an agent's own calls, with the account's others and the defaults behind them."""
    return OutcomeModel(
        _weights(of_agent), _prior(of_account), _lengths([*of_agent], [*of_account])
    )


def _counts(calls: Iterable[PastCall]) -> Counter[Disposition]:
    """An answered call that is still talked on counts as one that ends like most of them."""
    return Counter(call.disposition or Disposition.ANSWERED_HUMAN for call in calls)


def _weights(calls: Sequence[PastCall]) -> list[list[float]]:
    by_try: defaultdict[int, list[PastCall]] = defaultdict(list)
    for call in calls:
        by_try[min(call.attempt, TRIES_APART)].append(call)
    counted = [_counts(by_try[number]) for number in range(1, TRIES_APART + 1)]
    return [[float(counts[d]) for d in OUTCOMES] for counts in counted]


def _prior(of_account: Sequence[PastCall]) -> list[float]:
    counts = _counts(of_account)
    default = [_DEFAULT_WEIGHT * DEFAULT_RATES.get(d, 0.0) for d in OUTCOMES]
    seen = sum(counts.values())
    scale = min(1.0, _ACCOUNT_WEIGHT_MOST / seen) if seen else 0.0
    return [a + scale * counts[d] for a, d in zip(default, OUTCOMES, strict=True)]


def _lengths(
    of_agent: Sequence[PastCall], of_account: Sequence[PastCall]
) -> dict[Disposition, Sequence[Length]]:
    own, others = _observed(of_agent), _observed(of_account)
    return {d: _stocked(d, own.get(d, []), others.get(d, [])) for d in OUTCOMES}


def _stocked(d: Disposition, own: list[Length], others: list[Length]) -> list[Length]:
    """At least so many that chance has something to draw from."""
    default = _DEFAULT_LENGTHS.get(d, _OTHER_LENGTHS)
    lengths = list(own)
    for source in (others, default):
        missing = _LENGTHS_LEAST - len(lengths)
        step = max(1, len(source) // max(1, missing))
        lengths += source[::step][: max(0, missing)]
    return lengths


def _observed(calls: Sequence[PastCall]) -> dict[Disposition, list[Length]]:
    lengths: defaultdict[Disposition, list[Length]] = defaultdict(list)
    for call in calls:
        if call.disposition is not None:
            lengths[call.disposition].append(_length_of(call))
    talks = [call for call in calls if call.disposition is None]
    human = Disposition.ANSWERED_HUMAN
    if talks and lengths[human]:
        lengths[human] += _talked_out(talks, lengths[human])
    return lengths


def _talked_out(talks: Sequence[PastCall], ended: Sequence[Length]) -> list[Length]:
    """Calls that are still talked on, each given the end of one that lasted longer. Without
    them only the short talks of a batch that has just begun would be known."""
    by_talk = sorted(ended, key=lambda length: length.talk_seconds)
    given = []
    for place, call in enumerate(talks):
        longer = [x for x in by_talk if x.talk_seconds > call.talk_seconds]
        talk = longer[place % len(longer)].talk_seconds if longer else call.talk_seconds * 1.5
        given.append(Length(call.ring_seconds, talk, lead_seconds=call.lead_seconds))
    return given
