"""Calling hours as callers write them."""

from collections.abc import Iterable
from dataclasses import dataclass

from outdial.v1 import calling_hours_pb2 as messages

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallingHours:
    """When calls may be started, by the clock of each person's time zone."""

    start: str
    """`HH:MM`."""
    end: str
    """`HH:MM`, up to `24:00`; before `start` it is on the next day."""
    days: str | Iterable[messages.Weekday.ValueType] = ()
    """Days on which the hours begin: values of Weekday, or text like `mon-fri,sun`. Without
    any, every day."""

    def to_message(self) -> messages.CallingHours:
        """The same as it is sent; ValueError when the text names no days."""
        days = parse_days(self.days) if isinstance(self.days, str) else self.days
        return messages.CallingHours(days=days, start=self.start, end=self.end)


def parse_days(text: str) -> list[messages.Weekday.ValueType]:
    """The days that a text like `mon-fri,sun` names; ValueError when it names none."""
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        start, end = _day(first), _day(last if dash else first)
        # From Friday to Monday is over the weekend.
        found.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return [messages.Weekday.Value(_name_of(day)) for day in sorted(found)]


def days_text(days: Iterable[int]) -> str:
    """`mon-fri`, as it is written; `every day` for none."""
    numbers = sorted(day - 1 for day in days)
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(_run_text(run) for run in runs) or "every day"


def _run_text(run: list[int]) -> str:
    names = [_DAYS[number] for number in run]
    return f"{names[0]}-{names[-1]}" if len(names) > 2 else ",".join(names)


def _day(word: str) -> int:
    for number, name in enumerate(_DAYS):
        if len(word) >= len(name) and _full_name(number).startswith(word):
            return number
    raise ValueError(f"{word!r} is no day; days are written like mon-fri,sun")


def _full_name(number: int) -> str:
    return _name_of(number).removeprefix("WEEKDAY_").lower()


def _name_of(number: int) -> str:
    return messages.Weekday.keys()[number + 1]
