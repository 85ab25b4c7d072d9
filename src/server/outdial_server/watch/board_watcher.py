"""The stream of one watcher of many batches."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from outdial_server.domain.batch import Batch
from outdial_server.domain.errors import NotFoundError, Reason
from outdial_server.domain.ids import BatchId
from outdial_server.domain.row_pieces import pieces
from outdial_server.ports.board import Board, Look, Selection
from outdial_server.ports.clock import Clock
from outdial_server.ports.signals import ANY_BATCH, Signals
from outdial_server.watch.board import Told, difference, is_over, settled, with_told, without
from outdial_server.watch.board_token import read_board_token, write_board_token
from outdial_server.watch.draining import draining_error
from outdial_server.watch.tail import SWEEP
from outdial_server.watch.watcher import HEARTBEAT_INTERVAL, INTERVAL_DEFAULT

BATCHES_PER_READ_MAX: Final = 25
"""What a reader that has stopped reading holds in memory, each at most some 120 KB."""
BATCH_CHARS_PER_UPDATE_MAX: Final = 512 * 1024
"""Sixfold at worst on the wire; gRPC clients take 4 MiB."""
_PLAIN_BATCH_CHARS: Final = 2000


@dataclass(frozen=True, slots=True)
class BoardRequest:
    """What a watcher asks for. An empty token asks for a snapshot first."""

    selection: Selection
    resume_token: str = ""
    min_interval: timedelta = INTERVAL_DEFAULT


@dataclass(frozen=True, slots=True)
class BoardUpdate:
    """One message of a stream."""

    batches: Sequence[Batch] = ()
    deleted_batch_ids: Sequence[BatchId] = ()
    is_snapshot_complete: bool = False
    is_heartbeat: bool = False
    # Empty inside a snapshot.
    resume_token: str = ""
    is_truncated: bool = False


class BoardWatchers:
    """Streams to all who watch many batches in this process. Each looks for itself, once a
    flush, and only after something was published here or a sweep is due; between two flushes
    it holds what it was told, and nothing that is to come."""

    def __init__(
        self, board: Board, clock: Clock, signals: Signals, draining: asyncio.Event
    ) -> None:
        self._board = board
        self._clock = clock
        self._signals = signals
        self._draining = draining
        # For telemetry.
        self.count = 0

    async def watch(self, request: BoardRequest) -> AsyncGenerator[BoardUpdate, None]:
        """Raises InvalidFieldsError (RESUME_TOKEN_INVALID), NotFoundError (BATCH_NOT_FOUND)
        and, at any time, UnavailableError (SERVER_DRAINING) and what the board raises."""
        self.count += 1
        try:
            stream = _BoardStream(self._board, self._clock, self._signals, self._draining, request)
            async with aclosing(stream.updates()) as updates:
                async for update in updates:
                    yield update
        finally:
            self.count -= 1


class _BoardStream:
    def __init__(
        self,
        board: Board,
        clock: Clock,
        signals: Signals,
        draining: asyncio.Event,
        request: BoardRequest,
    ) -> None:
        self._board = board
        self._clock = clock
        self._signals = signals
        self._draining = draining
        self._selection = request.selection
        self._min_interval = request.min_interval
        self._told = Told()
        if request.resume_token:
            self._told = read_board_token(request.resume_token, request.selection)
        self._heartbeat_at = clock.now() + HEARTBEAT_INTERVAL

    async def updates(self) -> AsyncGenerator[BoardUpdate, None]:
        is_at_end = False
        while not is_at_end:
            # Before the look: a commit right after it then ends the wait.
            seen = self._signals.revision(ANY_BATCH)
            look = await self._look()
            async with aclosing(self._tell(look)) as updates:
                async for update in updates:
                    yield update
                    # Only now: a write to a slow reader takes its time.
                    self._heartbeat_at = self._clock.now() + HEARTBEAT_INTERVAL
            is_at_end = bool(self._selection.batch_ids) and is_over(self._told, look)
            if not is_at_end:
                async with aclosing(self._wait(seen)) as beats:
                    async for beat in beats:
                        yield beat

    async def _look(self) -> Look:
        self._refuse_when_draining()
        since = self._told.ended_since
        look = await self._board.look(self._selection, self._told.sequences.keys(), since)
        if since is None:
            for batch_id in self._selection.batch_ids:
                _refuse_missing(look, batch_id)
        return look

    async def _tell(self, look: Look) -> AsyncGenerator[BoardUpdate, None]:
        in_snapshot = self._told.ended_since is None
        differs = difference(self._told, look)
        if differs.gone:
            self._told = without(self._told, differs.gone)
            yield self._update(look, deleted_batch_ids=differs.gone)
        async for batches in self._read(differs.changed):
            self._told = with_told(self._told, batches)
            yield self._update(look, batches=batches)
        self._told = settled(self._told, look)
        if in_snapshot:
            yield self._update(look, is_snapshot_complete=True)

    async def _read(self, batch_ids: Sequence[BatchId]) -> AsyncGenerator[Sequence[Batch], None]:
        for first in range(0, len(batch_ids), BATCHES_PER_READ_MAX):
            self._refuse_when_draining()
            group = batch_ids[first : first + BATCHES_PER_READ_MAX]
            batches = await self._board.batches(self._selection.account_id, group)
            for piece in pieces(batches, _batch_chars, BATCH_CHARS_PER_UPDATE_MAX):
                yield piece

    async def _wait(self, seen: int) -> AsyncGenerator[BoardUpdate, None]:
        """Until the next look, with the heartbeats that come due before."""
        look_at = self._clock.now() + self._min_interval
        sweep_at = max(look_at, self._clock.now() + SWEEP)
        while (now := self._clock.now()) < look_at or not self._is_due(seen, sweep_at):
            if now >= self._heartbeat_at:
                yield BoardUpdate(is_heartbeat=True, resume_token=self._token())
                self._heartbeat_at = self._clock.now() + HEARTBEAT_INTERVAL
            elif now < look_at:
                # Not woken by each of a thousand commits a second.
                await self._unless_draining(self._signals.pause(min(look_at, self._heartbeat_at)))
            else:
                until = min(sweep_at, self._heartbeat_at)
                await self._unless_draining(self._signals.wait_changed(ANY_BATCH, seen, until))

    def _is_due(self, seen: int, sweep_at: datetime) -> bool:
        return self._clock.now() >= sweep_at or self._signals.revision(ANY_BATCH) != seen

    async def _unless_draining(self, waiting: Coroutine[Any, Any, object]) -> None:
        waits = {asyncio.ensure_future(waiting), asyncio.ensure_future(self._draining.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._refuse_when_draining()

    def _refuse_when_draining(self) -> None:
        if self._draining.is_set():
            raise draining_error()

    def _update(
        self,
        look: Look,
        *,
        batches: Sequence[Batch] = (),
        deleted_batch_ids: Sequence[BatchId] = (),
        is_snapshot_complete: bool = False,
    ) -> BoardUpdate:
        return BoardUpdate(
            batches,
            deleted_batch_ids,
            is_snapshot_complete,
            resume_token=self._token(),
            is_truncated=look.is_truncated,
        )

    def _token(self) -> str:
        return write_board_token(self._told, self._selection)


def _refuse_missing(look: Look, batch_id: BatchId) -> None:
    if batch_id not in look.followed:
        raise NotFoundError(
            Reason.BATCH_NOT_FOUND, f"there is no batch {batch_id!r}", {"id": batch_id}
        )


def _batch_chars(batch: Batch) -> int:
    """About how long a batch is as a message."""
    settings = batch.settings
    labels = sum(len(key) + len(value) for key, value in settings.metadata.items())
    params = len(str(settings.carrier_params)) if settings.carrier_params else 0
    return _PLAIN_BATCH_CHARS + len(settings.annotations_json) + labels + params
