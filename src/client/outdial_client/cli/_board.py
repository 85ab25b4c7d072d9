"""Ways to show all batches while they run: as a table that is drawn over, in lines, as JSON,
as ids."""

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Final, Protocol

from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import WatchBatchesResponse
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from outdial_client._interruptions import WatchInterruption
from outdial_client.cli._choices import BATCH_STATES
from outdial_client.cli._listings import BATCHES
from outdial_client.cli._screen import Screen, draw_table, to_json
from outdial_client.cli._views import lost
from outdial_client.cli._words import counts_by_state, ended_calls

ENDED_SHOWN_MAX: Final = 10
"""Batches that stay in the table after their end, the last ones."""


class BoardView(Protocol):
    """Shows what a watch of all batches brings."""

    min_interval: timedelta
    """How often it can use a message."""

    def showing(self) -> AbstractContextManager[object]:
        """While this is open, the view has the screen."""

    def update(self, message: WatchBatchesResponse) -> None:
        """Shows the next message."""

    def interrupted(self, interruption: WatchInterruption) -> None:
        """Shows that the connection is gone for now."""


def choose_board_view(screen: Screen) -> BoardView:
    """The view that fits the output."""
    is_drawn = screen.is_live and not screen.is_quiet
    return LiveBoard(screen) if is_drawn else LineBoard(screen)


class LineBoard:
    """A line for each change, for logs, pipes and programs."""

    min_interval = timedelta(seconds=1)

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def showing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def update(self, message: WatchBatchesResponse) -> None:
        for batch in message.batches:
            self._show(batch)
        for batch_id in message.deleted_batch_ids:
            if self._screen.is_json:
                self._screen.json({"deleted_batch_id": batch_id})
            else:
                self._screen.say(f"{batch_id}  deleted")

    def interrupted(self, interruption: WatchInterruption) -> None:
        self._screen.note(lost(interruption))

    def _show(self, batch: Batch) -> None:
        if self._screen.is_json:
            self._screen.json(to_json(batch))
        else:
            self._screen.identify(batch.batch_id, _sentence(batch))


class LiveBoard:
    """The table of `batch list`, drawn over while the batches go on."""

    min_interval = timedelta(milliseconds=250)

    def __init__(self, screen: Screen) -> None:
        self._console = screen.results
        self._batches: dict[str, Batch] = {}
        self._is_complete = False
        self._is_truncated = False
        self._lost = ""

    def showing(self) -> AbstractContextManager[object]:
        return Live(get_renderable=self._draw, console=self._console, refresh_per_second=4)

    def update(self, message: WatchBatchesResponse) -> None:
        self._lost = ""
        self._is_complete |= message.snapshot_complete
        if not message.heartbeat:
            self._is_truncated = message.truncated
        for batch in message.batches:
            self._batches[batch.batch_id] = batch
        for batch_id in message.deleted_batch_ids:
            self._batches.pop(batch_id, None)
        self._let_go()

    def interrupted(self, interruption: WatchInterruption) -> None:
        self._lost = lost(interruption)
        if not self._is_complete:
            # The snapshot starts again.
            self._batches.clear()

    def _let_go(self) -> None:
        ended = [batch for batch in self._batches.values() if batch.HasField("end_time")]
        ended.sort(key=lambda batch: batch.end_time.ToNanoseconds(), reverse=True)
        for batch in ended[ENDED_SHOWN_MAX:]:
            del self._batches[batch.batch_id]

    def _draw(self) -> RenderableType:
        newest_first = sorted(
            self._batches.values(), key=lambda b: b.create_time.ToNanoseconds(), reverse=True
        )
        parts: list[RenderableType] = []
        if newest_first:
            parts.append(draw_table(BATCHES.headings, [*map(BATCHES.cells, newest_first)]))
        elif self._is_complete:
            parts.append(Text("No batch runs or waits; those that come are shown.", style="dim"))
        if self._is_truncated:
            parts.append(Text("Only the newest are followed.", style="yellow"))
        if self._lost:
            parts.append(Text(self._lost, style="yellow"))
        return Group(*parts)


def _sentence(batch: Batch) -> str:
    parts = [
        batch.batch_id,
        batch.display_name,
        BATCH_STATES.name(batch.state),
        f"{ended_calls(batch.counts)} of {batch.counts.total}",
    ]
    parts += [f"{name} {count}" for name, count in counts_by_state(batch.counts) if count]
    return "  ".join(parts)
