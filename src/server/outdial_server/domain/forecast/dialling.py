"""Calls that a run has just started, as the events that will end them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from outdial_server.domain.call import Disposition
from outdial_server.domain.forecast.chance import Chance
from outdial_server.domain.forecast.holds import Holds
from outdial_server.domain.forecast.people import Alike


@dataclass(frozen=True, slots=True)
class EndedCalls:
    """What calls to people of a kind have come to."""

    alike: Alike
    disposition: Disposition
    count: int = 1


@dataclass(frozen=True, slots=True)
class Ending:
    """At a moment so many slots come free, and calls have ended."""

    at_us: int
    slots: int
    calls: EndedCalls | None = None


Taken = Sequence[tuple[Alike, int]]


def one_each(
    chance: Chance, holds: Holds, taken: Taken, starts: Sequence[int], most: int
) -> Iterator[Ending]:
    """Every call has a slot of its own, and starts at a moment of `starts`. For `most`, see
    `Grain.parts`."""
    place = 0
    for alike, disposition, count in _outcomes(chance, holds, taken):
        for part in parts(count, -(-count * most // len(starts))):
            lasts_us = holds.sum_us(chance, [(disposition, part)]) // part
            yield Ending(starts[place] + lasts_us, part, EndedCalls(alike, disposition, part))
            place += part


def chained(
    chance: Chance, holds: Holds, taken: Taken, starts: Sequence[int], most: int
) -> Iterator[Ending]:
    """More calls than slots: each slot makes its part of them, one behind the other."""
    outcomes = _outcomes(chance, holds, taken)
    calls, slots = sum(count for _, _, count in outcomes), len(starts)
    span_us = holds.sum_us(chance, [(d, count) for _, d, count in outcomes]) // slots
    # How far apart the slots end: as far as so many calls in a row differ.
    spread = holds.spread_us() * sqrt(calls / slots)
    place = 0
    for part in parts(slots, most):
        lasts_us = span_us + int(chance.gauss(0.0, spread / sqrt(part)))
        yield Ending(starts[place] + max(span_us // 2, lasts_us), part)
        place += part
    for alike, disposition, count in outcomes:
        for part in parts(count, -(-count * most // calls)):
            ends_us = starts[0] + int(chance.random() * span_us)
            yield Ending(ends_us, 0, EndedCalls(alike, disposition, part))


def _outcomes(chance: Chance, holds: Holds, taken: Taken) -> list[tuple[Alike, Disposition, int]]:
    return [
        (alike, disposition, count)
        for alike, people in taken
        for disposition, count in holds.outcomes.outcomes(chance, alike.attempts + 1, people)
    ]


def parts(count: int, most: int) -> Iterator[int]:
    """`count` in at most so many parts, as equal as can be."""
    number = min(count, most)
    for place in range(number):
        yield count * (place + 1) // number - count * place // number
