"""The snapshot that a stream without a token starts with."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Final, Never

from outdial_server.domain.batch import Batch
from outdial_server.domain.row_pieces import pieces, row_chars
from outdial_server.domain.scheduled_call import ScheduledCall
from outdial_server.ports.events import EventLog, RowSlice
from outdial_server.watch.update import Update, UpdateKind, standing_update

ROWS_PER_READ_MAX: Final = 250
"""What a reader that has stopped reading holds in memory."""
ROW_CHARS_PER_UPDATE_MAX: Final = 512 * 1024
"""Sixfold at worst on the wire; gRPC clients take 4 MiB."""


class Snapshot:
    """Reads the rows page by page while they change and more are added, then what has
    changed since the first page, until there is nothing newer."""

    def __init__(self, log: EventLog, batch: Batch) -> None:
        self._log = log
        self._batch = batch
        # Rows up to this position are read ...
        self._position = -1
        # ... and as they were at this event or later; so they are brought up from here.
        self._sequence = batch.sequence

    async def updates(self) -> AsyncGenerator[Update[Never], None]:
        is_complete = False
        total = 0
        while not is_complete:
            async for page in self._listed():
                for update in _split(page.batch, page.rows):
                    yield update
                total = page.batch.counts.total
            async for page in self._changed():
                for update in _split(page.batch, page.rows):
                    yield update
                # Rows that were added after the last list page: another round.
                is_complete = page.batch.counts.total == total
        yield standing_update(UpdateKind.SNAPSHOT_COMPLETE, self._batch, self._sequence)

    async def _listed(self) -> AsyncGenerator[RowSlice, None]:
        is_last = False
        while not is_last:
            page = await self._log.rows(self._batch.batch_id, self._position, ROWS_PER_READ_MAX)
            is_last = len(page.rows) < ROWS_PER_READ_MAX
            if page.rows:
                self._position = page.rows[-1].position
            yield page

    async def _changed(self) -> AsyncGenerator[RowSlice, None]:
        """Comes to an end beside any writer: a read takes up to `ROWS_PER_READ_MAX` events
        and the last one finds fewer."""
        is_last = False
        while not is_last:
            page = await self._log.changed_since(
                self._batch.batch_id, self._sequence, ROWS_PER_READ_MAX
            )
            self._sequence = page.complete_to
            self._batch = page.batch
            is_last = page.complete_to == page.batch.sequence
            yield page


def _split(batch: Batch, rows: Iterable[ScheduledCall]) -> Iterator[Update[Never]]:
    for piece in pieces(rows, row_chars, ROW_CHARS_PER_UPDATE_MAX):
        yield Update(UpdateKind.SNAPSHOT, batch, rows=piece)
