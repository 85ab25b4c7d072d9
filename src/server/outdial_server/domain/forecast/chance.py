"""What chance gives a forecast. The numbers come from outside: a run is a pure function of
its facts and its chance."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import sqrt
from typing import Final, Protocol

_ONE_BY_ONE_MOST: Final = 24
_NORMAL_FROM: Final = 20.0
"""A binomial with this variance is drawn as a rounded normal: the difference is far below
what the outcome model knows."""


class Chance(Protocol):
    """`random.Random` is one."""

    def random(self) -> float:
        """From 0 to below 1."""
        ...

    def gauss(self, mu: float, sigma: float, /) -> float: ...

    def gammavariate(self, alpha: float, beta: float, /) -> float: ...


def dirichlet(chance: Chance, weights: Sequence[float]) -> list[float]:
    """Rates that add up to 1, drawn around the proportions of `weights`."""
    drawn = [chance.gammavariate(weight, 1.0) if weight > 0 else 0.0 for weight in weights]
    total = sum(drawn)
    if total <= 0:
        # Weights so small that all of them were drawn as nothing.
        return [weight / sum(weights) for weight in weights]
    return [x / total for x in drawn]


def multinomial(chance: Chance, count: int, rates: Sequence[float]) -> list[int]:
    """How many of `count` fall to each rate."""
    if count <= _ONE_BY_ONE_MOST:
        return _one_by_one(chance, count, rates)
    found: list[int] = []
    left, rate_left = count, 1.0
    for rate in rates[:-1]:
        share = min(1.0, rate / rate_left) if rate_left > 0 else 0.0
        found.append(binomial(chance, left, share))
        left -= found[-1]
        rate_left -= rate
    return [*found, left]


def _one_by_one(chance: Chance, count: int, rates: Sequence[float]) -> list[int]:
    edges = list(accumulate(rates))
    found = [0] * len(rates)
    for _ in range(count):
        found[min(bisect_right(edges, chance.random() * edges[-1]), len(rates) - 1)] += 1
    return found


def binomial(chance: Chance, count: int, rate: float) -> int:
    if rate <= 0.0 or count == 0:
        return 0
    if rate > 0.5:
        return count - binomial(chance, count, 1.0 - rate)
    variance = count * rate * (1.0 - rate)
    if variance >= _NORMAL_FROM:
        drawn = round(chance.gauss(count * rate, sqrt(variance)))
        return min(count, max(0, drawn))
    return _binomial_by_steps(chance, count, rate)


def _binomial_by_steps(chance: Chance, count: int, rate: float) -> int:
    """Walks up the probabilities; the mean is small, so it is a short walk."""
    drawn, found = chance.random(), 0
    probability = (1.0 - rate) ** count
    while drawn >= probability and found < count:
        drawn -= probability
        probability *= (count - found) / (found + 1) * rate / (1.0 - rate)
        found += 1
    return found


def split(chance: Chance, count: int, sizes: Sequence[int]) -> list[int]:
    """`count` taken from lots of these sizes as if their people stood mixed in one line: in
    proportion, and who gets the odd ones is drawn."""
    whole = sum(sizes)
    if count >= whole:
        return list(sizes)
    taken: list[int] = []
    edge, passed = chance.random(), 0
    for size in sizes:
        passed += size
        upto = min(passed, int(count * passed / whole + edge))
        taken.append(min(size, upto - sum(taken)))
    # Rounding may leave one over: it goes to the first lot that has it.
    for place, size in enumerate(sizes):
        short = count - sum(taken)
        if short == 0:
            break
        moved = max(-taken[place], min(short, size - taken[place]))
        taken[place] += moved
    return taken
