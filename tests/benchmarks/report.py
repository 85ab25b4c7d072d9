"""Figures, their goals, and how both are shown."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

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


def show(console: Console, machine: Machine, rows: Sequence[RowReport]) -> None:
    load = " ".join(f"{value:.2f}" for value in machine.load_average)
    table = Table(
        title="Outdial, measured",
        caption=(
            f"{machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, "
            f"Python {machine.python}, SQLite {machine.sqlite}, grpcio {machine.grpcio}; "
            f"load {load} at the start; {machine.date}. Medians of rounds, least to most."
        ),
    )
    for heading in ("row", "what", "raw limit", "reached", "ratio", "goal", ""):
        table.add_column(heading, overflow="fold")
    for row in rows:
        for position, line in enumerate(row.measures):
            table.add_row(row.name if position == 0 else "", *_cells(line))
        table.add_section()
    console.print(table)
    for row in rows:
        for profile in row.profiles:
            console.print(profile, highlight=False, markup=False)


def _cells(line: Measure) -> tuple[str, ...]:
    colour = {"met": "green", "missed": "red", "": "white"}[line.verdict]
    return (
        line.what,
        f"{_spread(line.limit)} {line.unit}, {line.limit_name}" if line.limit else "",
        f"{_spread(line.reached)} {line.unit}",
        _spread(line.ratio) if line.ratio else "",
        ", ".join(goal.text for goal in line.goals),
        f"[{colour}]{line.verdict}[/{colour}]",
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
