"""Sends an import: one stream of slices, and once more when the connection breaks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from grpc.aio import Channel, StreamUnaryCall, StreamUnaryMultiCallable
from outdial.v1.import_pb2 import ContactImportOptions, ImportEnd, ImportOptions

from outdial_client._errors import (
    ImportInterruptedError,
    ImportRefusedError,
    OutdialError,
    RequestCancelledError,
    UnavailableError,
)
from outdial_client._import_rows import ImportRows, ImportSlice
from outdial_client._imports import ImportProgress
from outdial_client._requests import Sender, put

_Response = TypeVar("_Response", bound=Message)

_RECONNECT_SECONDS = 10.0
_BROKEN = (UnavailableError, RequestCancelledError)


@dataclass(frozen=True, slots=True)
class ImportStream(Generic[_Response]):
    """One import, from its first row to its answer.

    The next slice is read once the connection has taken the one before: memory
    holds one of them, however long the list is.
    """

    channel: Channel
    sender: Sender
    method: StreamUnaryMultiCallable[Any, _Response]
    request: Callable[..., Any]
    """Makes a message of the stream, from its `options`, `rows` or `end`."""
    options: ImportOptions | ContactImportOptions
    rows: ImportRows
    on_progress: Callable[[ImportProgress], None] | None

    async def send(self) -> _Response:
        """The answer. Raises ImportRefusedError, ImportInterruptedError and other OutdialErrors."""
        self.options.request_id = self.options.request_id or self.sender.new_request_id()
        try:
            return await self._send_twice_if_broken()
        except ImportRefusedError as error:
            error.columns = self.rows.columns
            raise
        except _BROKEN as error:
            request_id = self.options.request_id
            raise ImportInterruptedError.of(error, request_id) from error

    async def _send_twice_if_broken(self) -> _Response:
        try:
            return await self._send_once()
        except _BROKEN as error:
            # The request id makes the second time safe: if the first has arrived after
            # all, it is answered with what came of it.
            if not self.rows.can_start_again:
                raise
            await self._wait_until_connected(error)
        return await self._send_once()

    async def _wait_until_connected(self, error: OutdialError) -> None:
        """A server that restarts is waited for."""
        if error.retry_after is not None:
            await asyncio.sleep(error.retry_after.total_seconds())
        try:
            async with asyncio.timeout(_RECONNECT_SECONDS):
                await self.channel.channel_ready()
        except TimeoutError:
            raise error from None

    async def _send_once(self) -> _Response:
        async with aclosing(self.rows.slices()) as slices:
            # Read before anything is sent: a file that is none bothers no server.
            first = await anext(slices, None)
            call = self.sender.open_upload(self.method)
            try:
                await self._write(call, first, slices)
                return await self.sender.answer(call)
            except BaseException:
                call.cancel()
                raise

    async def _write(
        self,
        call: StreamUnaryCall[Any, _Response],
        first: ImportSlice | None,
        slices: AsyncIterator[ImportSlice],
    ) -> None:
        """Ends early when the server has answered before the end: the answer says why."""
        if not await put(call, self.request(options=self.options)):
            return
        sent, piece = 0, first
        while piece is not None:
            if not await put(call, self.request(rows={"rows": piece.rows})):
                return
            sent += len(piece.rows)
            self._tell(sent, piece)
            piece = await anext(slices, None)
        if await put(call, self.request(end=ImportEnd(row_count=sent))):
            await call.done_writing()

    def _tell(self, sent: int, piece: ImportSlice) -> None:
        if self.on_progress is not None:
            progress = ImportProgress(
                rows_sent=sent, bytes_read=piece.bytes_read, bytes_total=piece.bytes_total
            )
            self.on_progress(progress)
