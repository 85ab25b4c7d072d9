"""A plot of one row of figures over time, in characters."""

from collections.abc import Sequence
from itertools import pairwise

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def draw_plot(values: Sequence[float], labels: Sequence[str], width: int, height: int) -> list[str]:
    """Lines of text: columns with a scale to their left, and below them the `labels`, spread
    from the first column to the last."""
    most = max(values, default=0.0)
    scale = f"{most:,.0f}" if most >= 10 else f"{most:.1f}"
    room = max(1, width - len(scale) - 2)
    columns = _columns(values, room)
    lines = []
    for row in reversed(range(height)):
        cells = "".join(_cell(value, most, row, height) for value in columns)
        name = scale if row == height - 1 else "0" if row == 0 else ""
        lines.append(f"{name:>{len(scale)}} ┤{cells}".rstrip())
    under = _spread(labels, max(len(columns), 1))
    return [*lines, f"{'':>{len(scale)}} └{'─' * len(columns)}", f"{'':>{len(scale)}}  {under}"]


def _columns(values: Sequence[float], most: int) -> list[float]:
    """As many as there is room for, each the mean of what falls into it; fewer values are drawn
    wider."""
    if not values:
        return []
    wide = max(1, most // len(values))
    count = min(most, len(values) * wide)
    edges = [place * len(values) / count for place in range(count + 1)]
    return [_mean(values, left, right) for left, right in pairwise(edges)]


def _mean(values: Sequence[float], left: float, right: float) -> float:
    first, last = int(left), max(int(left) + 1, min(len(values), round(right)))
    part = values[first:last]
    return sum(part) / len(part)


def _cell(value: float, most: float, row: int, height: int) -> str:
    eighths = round(value / most * height * 8) if most else 0
    # What is there at all is seen.
    eighths = max(1, eighths) if value > 0 else 0
    return _EIGHTHS[min(8, max(0, eighths - row * 8))]


def _spread(labels: Sequence[str], width: int) -> str:
    """The first at the left end, the last at the right; those in between that have room."""
    if not labels:
        return ""
    line = labels[0]
    for place, label in enumerate(labels[1:-1], start=1):
        at = place * width // (len(labels) - 1) - len(label) // 2
        ends_before = width - len(labels[-1]) - 2
        if at > len(line) + 2 and at + len(label) < ends_before:
            line = f"{line:<{at}}{label}"
    return line if len(labels) == 1 else f"{line}  {labels[-1]:>{max(0, width - len(line) - 2)}}"
