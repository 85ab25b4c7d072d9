"""Figures, their goals, and how both are shown."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of rounds, with the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        return cls(median(values), min(values), max(values))

    @classmethod
    def ratio(cls, above: Sequence[float], below: Sequence[float]) -> "Figure":
        """Round by round: what the machine did at that moment then falls out."""
        return cls.of([a / b for a, b in zip(above, below, strict=True)])


@dataclass(frozen=True, slots=True)
class Goal:
    """What a value, or its ratio to the raw limit, should come to."""

    text: str
    is_met: Callable[["Measure"], bool]


def at_least(value: float) -> Goal:
    return Goal(f">= {_number(value)}", lambda m: m.reached.median >= value)


def at_most(value: float) -> Goal:
    return Goal(f"<= {_number(value)}", lambda m: m.reached.median <= value)


def ratio_at_least(value: float) -> Goal:
    return Goal(f"ratio >= {value:g}", lambda m: m.ratio is not None and m.ratio.median >= value)


def ratio_at_most(value: float) -> Goal:
    return Goal(f"ratio <= {value:g}", lambda m: m.ratio is not None and m.ratio.median <= value)


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table. Without goals it is there to explain another."""

    what: str
    unit: str
    reached: Figure
    limit_name: str = ""
    limit: Figure | None = None
    ratio: Figure | None = None
    goals: tuple[Goal, ...] = ()

    @property
    def verdict(self) -> str:
        if not self.goals:
            return ""
        return "met" if all(goal.is_met(self) for goal in self.goals) else "missed"


def measure(
    what: str,
    unit: str,
    values: Sequence[float],
    *goals: Goal,
    limit_name: str = "",
    limits: Sequence[float] = (),
) -> Measure:
    """`limits` are of the same rounds as `values`."""
    return Measure(
        what,
        unit,
        Figure.of(values),
        limit_name,
        Figure.of(limits) if limits else None,
        Figure.ratio(values, limits) if limits else None,
        goals,
    )


@dataclass(frozen=True, slots=True)
class RowReport:
    """A row of the design's table: its figures, and texts of profiles when asked for."""

    name: str
    measures: tuple[Measure, ...]
    profiles: tuple[str, ...] = ()


_HEADINGS: Final = ("row", "what", "raw limit", "reached", "ratio", "goal", "")
_COLOURS: Final = {"met": "green", "missed": "red", "": "default"}


def _told(machine: Machine) -> str:
    load = " ".join(f"{value:.2f}" for value in machine.load_average)
    return (
        f"{machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, "
        f"Python {machine.python}, SQLite {machine.sqlite}, grpcio {machine.grpcio}; "
        f"load {load} at the start; {machine.date}."
    )


def show_row(console: Console, row: RowReport) -> None:
    table = Table()
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold")
    for position, line in enumerate(row.measures):
        *cells, verdict = _cells(line)
        name = row.name if position == 0 else ""
        table.add_row(name, *cells, f"[{_COLOURS[verdict]}]{verdict}")
    console.print(table)
    for profile in row.profiles:
        console.print(profile, highlight=False, markup=False)


def show_machine(console: Console, machine: Machine) -> None:
    console.print(f"{_told(machine)} Medians of rounds, least to most.")


def _cells(line: Measure) -> tuple[str, ...]:
    """Behind the name of its row."""
    return (
        line.what,
        f"{_spread(line.limit)} {line.unit}, {line.limit_name}" if line.limit else "",
        f"{_spread(line.reached)} {line.unit}",
        _spread(line.ratio) if line.ratio else "",
        ", ".join(goal.text for goal in line.goals),
        line.verdict,
    )


def _spread(figure: Figure) -> str:
    if figure.least == figure.most:
        return _number(figure.median)
    return f"{_number(figure.median)} ({_number(figure.least)}-{_number(figure.most)})"


def _number(value: float) -> str:
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"


def write_json(path: Path, machine: Machine, rows: Sequence[RowReport]) -> None:
    document = {
        "machine": asdict(machine),
        "rows": {row.name: [_plain(line) for line in row.measures] for row in rows},
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


_BEGIN: Final = "<!-- figures -->\n"
_END: Final = "<!-- end of figures -->\n"


def write_page(path: Path, machine: Machine, rows: Sequence[RowReport]) -> None:
    """Puts the figures into a page, between its two marks."""
    before, begin, rest = path.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{path} has no marks for figures")
    lines = [
        _line(*_HEADINGS),
        _line(*("---" for _ in _HEADINGS)),
        *(_line(row.name, *_cells(line)) for row in rows for line in row.measures),
    ]
    figures = "\n".join((_told(machine), "", *lines, ""))
    path.write_text(f"{before}{begin}{figures}{end}{after}")


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(line: Measure) -> dict[str, object]:
    return {
        "what": line.what,
        "unit": line.unit,
        "reached": asdict(line.reached),
        "limit_name": line.limit_name,
        "limit": asdict(line.limit) if line.limit else None,
        "ratio": asdict(line.ratio) if line.ratio else None,
        "goals": [goal.text for goal in line.goals],
        "verdict": line.verdict,
    }
