"""How long calls hold their slots, in one run and under one batch's limits."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Final

from outdial_server.domain.call import CallTimes, Disposition
from outdial_server.domain.forecast.chance import Chance
from outdial_server.domain.forecast.outcomes import DrawnOutcomes, Length
from outdial_server.domain.forecast.virtual_clock import SECOND_US

_SUMMED_MOST: Final = 8
_RESIDUAL_DRAWS: Final = 20


class Holds:
    def __init__(self, outcomes: DrawnOutcomes, times: CallTimes) -> None:
        self.outcomes = outcomes
        self._times = times
        self._of: dict[Disposition, Sequence[float]] = {}
        self._moments: dict[Disposition, tuple[float, float]] = {}
        self._of_first_try: tuple[int, int] | None = None

    def draw_us(self, chance: Chance, disposition: Disposition) -> int:
        """Of one call that ends like this."""
        held = self._held(disposition)
        return int(held[int(chance.random() * len(held))] * SECOND_US)

    def sum_us(self, chance: Chance, counts: Sequence[tuple[Disposition, int]]) -> int:
        """Of so many calls, one behind the other."""
        total, variance = 0.0, 0.0
        for disposition, count in counts:
            held = self._held(disposition)
            if count <= _SUMMED_MOST:
                total += sum(held[int(chance.random() * len(held))] for _ in range(count))
                continue
            mean, spread = self._moments_of(disposition)
            total += count * mean
            variance += count * spread
        if variance:
            total = max(total / 2, total + chance.gauss(0.0, sqrt(variance)))
        return int(total * SECOND_US)

    def rest_us(
        self, chance: Chance, attempt: int, elapsed_us: int, talked_us: int | None
    ) -> tuple[int, Disposition]:
        """Of a call that is under way: how much longer, and how it ends. Drawn until one fits
        that would not be over yet."""
        if talked_us is not None:
            return self._rest_of_talk(chance, talked_us)
        for _ in range(_RESIDUAL_DRAWS):
            ((disposition, _),) = self.outcomes.outcomes(chance, attempt, 1)
            hold_us = self.draw_us(chance, disposition)
            if hold_us > elapsed_us:
                return hold_us - elapsed_us, disposition
        # Longer than any that is known.
        return int(chance.random() * SECOND_US), Disposition.NO_ANSWER

    def _rest_of_talk(self, chance: Chance, talked_us: int) -> tuple[int, Disposition]:
        disposition = self._answered_as(chance)
        lengths = self.outcomes.lengths[disposition]
        for _ in range(_RESIDUAL_DRAWS):
            talk_us = self._talk_us(lengths[int(chance.random() * len(lengths))])
            if talk_us > talked_us:
                return talk_us - talked_us, disposition
        return int(chance.random() * talked_us / 2), disposition

    def _answered_as(self, chance: Chance) -> Disposition:
        human, machine = Disposition.ANSWERED_HUMAN, Disposition.ANSWERED_MACHINE
        rates: Mapping[Disposition, float] = dict(
            zip(Disposition, self.outcomes.rates[0], strict=True)
        )
        is_human = chance.random() * (rates[human] + rates[machine]) < rates[human]
        return human if is_human else machine

    def _talk_us(self, length: Length) -> int:
        most = self._times.max_duration.total_seconds()
        return int(min(length.talk_seconds, most) * SECOND_US)

    def _held(self, disposition: Disposition) -> Sequence[float]:
        if disposition not in self._of:
            lengths = self.outcomes.lengths[disposition]
            self._of[disposition] = [x.hold_seconds(self._times) for x in lengths]
        return self._of[disposition]

    def _moments_of(self, disposition: Disposition) -> tuple[float, float]:
        """Mean and variance."""
        if disposition not in self._moments:
            held = self._held(disposition)
            mean = sum(held) / len(held)
            spread = sum((x - mean) ** 2 for x in held) / len(held)
            self._moments[disposition] = mean, spread
        return self._moments[disposition]

    def mean_us(self) -> int:
        """Of a first try."""
        return self._first_try()[0]

    def spread_us(self) -> int:
        """By how much first tries differ: a standard deviation."""
        return self._first_try()[1]

    def _first_try(self) -> tuple[int, int]:
        if self._of_first_try is None:
            rates = [(d, r) for d, r in zip(Disposition, self.outcomes.rates[0], strict=True) if r]
            mean = sum(rate * self._moments_of(d)[0] for d, rate in rates)
            square = sum(
                rate * (self._moments_of(d)[1] + self._moments_of(d)[0] ** 2) for d, rate in rates
            )
            spread = sqrt(max(0.0, square - mean**2))
            self._of_first_try = int(mean * SECOND_US), int(spread * SECOND_US)
        return self._of_first_try
