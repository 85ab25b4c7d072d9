"""All chance of a world comes from its seed. Each part of it draws for itself, so that one
that draws more does not change the others."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import TypeVar

from outdial_server.domain.ids import CallId
from outdial_server.ports.clock import Clock
from outdial_server.storage.encoding import micros

T = TypeVar("T")


class Dice:
    def __init__(self, seed: int, part: str) -> None:
        # By a text: its hash is the same in every process.
        self._random = Random(f"{seed}/{part}")

    def chance(self, percent: float) -> bool:
        return self._random.random() * 100 < percent

    def one_of(self, items: Sequence[T]) -> T:
        return self._random.choice(items)

    def weighted(self, weights: Mapping[T, float]) -> T:
        return self._random.choices(list(weights), list(weights.values()))[0]

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def seconds(self, least: float, most: float) -> float:
        """To the millisecond: readable, and never a tie that rounding makes."""
        return round(self._random.uniform(least, most), 3)

    def some(self, items: Sequence[T], most: int) -> list[T]:
        return self._random.sample(items, min(most, len(items)))

    def fraction(self) -> float:
        return self._random.random()


class SeededIds:
    """An IdSource: like UUIDs of version 7, with a number where those have chance."""

    def __init__(self, clock: Clock, dice: Dice, source: int) -> None:
        self._clock = clock
        self._dice = dice
        self._source = source
        self._count = 0
        self._newest_ms = 0

    def new_id(self) -> str:
        self._count += 1
        # Its own ids grow, whatever is done to the clock.
        self._newest_ms = max(self._newest_ms, micros(self._clock.now()) // 1000)
        text = f"{self._newest_ms:012x}7{self._count >> 48:03x}8{self._source:03x}"
        text += f"{self._count:012x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def new_ids(self, count: int) -> Sequence[str]:
        return [self.new_id() for _ in range(count)]

    def new_secret(self, chars: int) -> str:
        return "".join(self._dice.one_of("abcdefghijklmnop") for _ in range(chars))

    def draw(self) -> float:
        return self._dice.fraction()


def short(identifier: str | CallId) -> str:
    """Who gave the id, and its number there."""
    source, count = identifier[20:23], identifier[24:]
    return f"{int(source, 16)}.{int(count, 16)}"


def spell(length: timedelta | None) -> str:
    return "-" if length is None else f"{length.total_seconds():g}s"
