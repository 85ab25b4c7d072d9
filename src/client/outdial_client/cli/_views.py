"""Ways to show a batch while it runs: drawn, in lines, as JSON, not at all."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Protocol

from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import WatchBatchResponse
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from outdial_client._interruptions import WatchInterruption
from outdial_client.cli._bar import draw_bar
from outdial_client.cli._choices import BATCH_STATES
from outdial_client.cli._progress import Progress
from outdial_client.cli._screen import Screen, to_json
from outdial_client.cli._words import counts_by_state, live_calls, moment, span

Clock = Callable[[], float]

_COLOURS = {
    "dialing": "yellow",
    "in progress": "cyan",
    "completed": "green",
    "failed": "red",
    "expired": "magenta",
    "cancelled": "magenta",
    "skipped": "magenta",
}


class View(Protocol):
    """Shows what a watch brings."""

    min_interval: timedelta
    """How often it can use a message."""

    def showing(self) -> AbstractContextManager[object]:
        """While this is open, the view has the screen."""

    def update(self, message: WatchBatchResponse) -> None:
        """Shows the next message."""

    def interrupted(self, interruption: WatchInterruption) -> None:
        """Shows that the connection is gone for now."""


def choose_view(screen: Screen, batch: Batch, clock: Clock = time.monotonic) -> View:
    """The view that fits the output."""
    if screen.is_quiet:
        return SilentView()
    if screen.is_json:
        return JsonView(screen)
    if screen.is_live:
        return LiveView(screen, batch, clock)
    return PlainView(screen, clock)


class SilentView:
    """Nothing before the end."""

    min_interval = timedelta(seconds=1)

    def showing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def update(self, message: WatchBatchResponse) -> None:
        pass

    def interrupted(self, interruption: WatchInterruption) -> None:
        pass


class JsonView:
    """One object on one line for each message."""

    min_interval = timedelta(seconds=1)

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def showing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def update(self, message: WatchBatchResponse) -> None:
        brief = WatchBatchResponse(
            sequence=message.sequence,
            state=message.state,
            counts=message.counts,
            batch_ended=message.batch_ended,
        )
        fields = to_json(brief)
        self._screen.json({name: fields[name] for name in ("sequence", "state", "counts")})

    def interrupted(self, interruption: WatchInterruption) -> None:
        self._screen.note(lost(interruption))


class PlainView:
    """A line for each change, for logs and pipes."""

    min_interval = timedelta(seconds=2)

    def __init__(self, screen: Screen, clock: Clock) -> None:
        self._screen = screen
        self._clock = clock
        self._progress = Progress()
        self._last_line = ""

    def showing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def update(self, message: WatchBatchResponse) -> None:
        now = self._clock()
        self._progress.observe(message.counts, now)
        parts = [
            BATCH_STATES.name(message.state),
            f"{self._progress.ended} of {message.counts.total}",
        ]
        parts += [f"{name} {count}" for name, count in counts_by_state(message.counts) if count]
        line = "  ".join(parts)
        if line != self._last_line:
            self._last_line = line
            self._screen.line(line + _speed(self._progress, now))

    def interrupted(self, interruption: WatchInterruption) -> None:
        self._screen.note(lost(interruption))


class LiveView:
    """A bar with figures, drawn over while it goes."""

    min_interval = timedelta(milliseconds=250)

    def __init__(self, screen: Screen, batch: Batch, clock: Clock) -> None:
        self._console = screen.results
        self._batch = batch
        self._clock = clock
        self._progress = Progress()
        self._progress.observe(batch.counts, clock())
        self._state = batch.state
        self._lost = ""

    def showing(self) -> AbstractContextManager[object]:
        return Live(get_renderable=self._draw, console=self._console, refresh_per_second=4)

    def update(self, message: WatchBatchResponse) -> None:
        self._lost = ""
        self._state = message.state
        if message.HasField("batch"):
            self._batch = message.batch
        self._progress.observe(message.counts, self._clock())

    def interrupted(self, interruption: WatchInterruption) -> None:
        self._lost = lost(interruption)

    def _draw(self) -> RenderableType:
        parts: list[RenderableType] = [self._title(), self._bar(), self._figures()]
        if self._lost:
            parts.append(Text(self._lost, style="yellow"))
        return Group(*parts)

    def _title(self) -> Text:
        title = Text.assemble(
            (self._batch.display_name, "bold"), "  ", BATCH_STATES.name(self._state)
        )
        opens = moment(self._batch.window_start)
        if BATCH_STATES.name(self._state) == "SCHEDULED" and opens:
            title.append(f"  starts at {opens}")
        return title

    def _bar(self) -> Table:
        now = self._clock()
        progress = self._progress
        total = progress.counts.total
        row = Table.grid(padding=(0, 1))
        row.add_row(
            draw_bar(progress.fraction, 40),
            f"{progress.fraction:4.0%}",
            f"{progress.ended} of {total}",
            Text(_speed(progress, now).strip(), style="dim"),
        )
        return row

    def _figures(self) -> Text:
        figures = Text()
        for name, count in counts_by_state(self._progress.counts):
            if count or name in {"waiting", "dialing", "in progress", "completed", "failed"}:
                style = _COLOURS.get(name, "") if count else "dim"
                figures.append(f"{name} {count}", style=style).append("   ")
        figures.append(f"calls alive {live_calls(self._progress.counts)}", style="bold")
        return figures


def _speed(progress: Progress, now: float) -> str:
    rate = progress.rate(now)
    if rate <= 0:
        return ""
    remaining = progress.remaining(now)
    end = f"  ends in about {span(remaining)}" if remaining else ""
    return f"  {rate:.1f}/s{end}"


def lost(interruption: WatchInterruption) -> str:
    """That a watch has no connection for now."""
    wait = interruption.retry_in.total_seconds()
    return f"Connection lost ({interruption.error.message}); trying again in {wait:.1f} s."
