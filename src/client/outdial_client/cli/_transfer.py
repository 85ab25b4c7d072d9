"""Shows rows on their way to the server or from it."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from outdial_client.cli._bar import draw_bar
from outdial_client.cli._pace import Pace
from outdial_client.cli._screen import Screen
from outdial_client.cli._words import span

Clock = Callable[[], float]

_BAR_WIDTH = 30
_LINE_EVERY_SECONDS = 2.0
_MOST_BEFORE_THE_END = 0.99
_SECOND = timedelta(seconds=1)


class TransferView(Protocol):
    """What is shown of a transfer."""

    def showing(self) -> AbstractContextManager[object]:
        """While this is open, the view has the screen."""

    def update(self, rows: int, part: float | None) -> None:
        """How many rows are through, and which part of all: 0 to 1, None if nobody knows."""

    def finish(self, rows: int) -> None:
        """All of them are."""


def choose_transfer_view(
    screen: Screen, title: str, last_step: str, clock: Clock = time.monotonic
) -> TransferView:
    """The view that fits the screen; it never writes where results go.

    `last_step` is what remains to be done once all rows are through.
    """
    if screen.is_quiet or screen.is_json:
        return SilentTransfer()
    transfer = _Transfer(title, last_step, clock)
    if screen.notes.is_terminal:
        return LiveTransfer(screen.notes, transfer)
    return PlainTransfer(screen, transfer)


class SilentTransfer:
    """Nothing."""

    def showing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def update(self, rows: int, part: float | None) -> None:
        pass

    def finish(self, rows: int) -> None:
        pass


class PlainTransfer:
    """A line now and then, for logs and pipes."""

    def __init__(self, screen: Screen, transfer: "_Transfer") -> None:
        self._screen = screen
        self._transfer = transfer
        self._next_line = _LINE_EVERY_SECONDS

    def showing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def update(self, rows: int, part: float | None) -> None:
        self._transfer.update(rows, part)
        elapsed = self._transfer.elapsed_seconds
        if elapsed >= self._next_line:
            self._next_line = elapsed + _LINE_EVERY_SECONDS
            self._say()

    def finish(self, rows: int) -> None:
        self._transfer.finish(rows)
        self._say()

    def _say(self) -> None:
        percent = self._transfer.percent
        words = [self._transfer.title, *([percent] if percent else []), self._transfer.figures()]
        self._screen.note("  ".join(words))


class LiveTransfer:
    """A bar that is drawn over while it goes, and left as it ended."""

    def __init__(self, console: Console, transfer: "_Transfer") -> None:
        self._console = console
        self._transfer = transfer

    def showing(self) -> AbstractContextManager[object]:
        return Live(get_renderable=self._draw, console=self._console, refresh_per_second=4)

    def update(self, rows: int, part: float | None) -> None:
        self._transfer.update(rows, part)

    def finish(self, rows: int) -> None:
        self._transfer.finish(rows)

    def _draw(self) -> RenderableType:
        transfer = self._transfer
        row = Table.grid(padding=(0, 1))
        figures = Text(transfer.figures(), no_wrap=True, overflow="ellipsis")
        bar = draw_bar(transfer.shown_part, _BAR_WIDTH)
        title = Text(transfer.title, style="bold", no_wrap=True, overflow="ellipsis")
        row.add_row(title, bar, transfer.percent, figures)
        return row


class _Transfer:
    """How far it is, and how fast."""

    def __init__(self, title: str, last_step: str, clock: Clock) -> None:
        self.title = title
        self._last_step = last_step
        self.rows = 0
        self.part: float | None = 0.0
        self._clock = clock
        self._took: timedelta | None = None
        self._began = clock()
        self._pace = Pace()
        self._pace.observe(0, self._began)

    def update(self, rows: int, part: float | None) -> None:
        self.rows, self.part = rows, part
        self._pace.observe(rows, self._clock())

    def finish(self, rows: int) -> None:
        self.rows, self.part = rows, 1.0
        self._took = timedelta(seconds=self.elapsed_seconds)

    @property
    def elapsed_seconds(self) -> float:
        return self._clock() - self._began

    @property
    def shown_part(self) -> float | None:
        """All is done only when the last step is."""
        if self.part is None or self._took is not None:
            return self.part
        return min(self.part, _MOST_BEFORE_THE_END)

    @property
    def percent(self) -> str:
        return "" if self.shown_part is None else f"{int(self.shown_part * 100):3}%"

    def figures(self) -> str:
        if self._took is not None:
            return f"{self.rows} rows in {span(self._took)}"
        if self.part == 1.0:
            return f"{self.rows} rows  {self._last_step}"
        now = self._clock()
        rate = self._pace.rate(now)
        figures = f"{self.rows} rows"
        if rate > 0:
            figures += f"  {rate:.0f}/s"
        if self.part:
            remaining = self._pace.remaining(round(self.rows * (1 / self.part - 1)), now)
            figures += (
                f"  {span(remaining)} left" if remaining and round(remaining / _SECOND) else ""
            )
        return figures
