"""The messages of imports, read in their order: options, rows, end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from outdial.v1 import import_pb2 as pb

from outdial_server.commands.rows import SLICE_ROWS
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, Reason, invalid_field
from outdial_server.domain.limits import IMPORT_ROWS_PER_MESSAGE_MAX
from outdial_server.domain.request import GrowingRequest

R = TypeVar("R")


class ImportStream(Generic[R]):
    """One stream. A message is read when the rows of the one before have been taken, so what
    is in memory does not grow with the stream. Its sender may be silent for a while, and not
    for ever: lists for the same batch wait for this one."""

    def __init__(
        self,
        messages: AsyncIterator[Any],
        numbered: Callable[[Any, int], tuple[int, R]],
        silence_seconds: float,
    ) -> None:
        """`numbered` reads a row, given which one of the import it is, from 1."""
        self._messages = messages
        self._numbered = numbered
        self._silence_seconds = silence_seconds
        self._count = 0

    async def options(self) -> Any:
        """The first message."""
        message = await self._next()
        if message is not None and message.WhichOneof("content") == "options":
            return message.options
        raise invalid_field("options", "must be the first message")

    async def rows(
        self, request: GrowingRequest | None
    ) -> AsyncGenerator[Sequence[tuple[int, R]], None]:
        """What follows, in slices. `request` grows by each row, however they were put into
        messages. Raises InvalidFieldsError (IMPORT_INCOMPLETE) unless the end says how many
        there were, and when it does not come."""
        while (message := await self._next()) is not None:
            match message.WhichOneof("content"):
                case "rows":
                    for piece in self._pieces(message.rows.rows, request):
                        yield piece
                case "end":
                    await self._check_end(message.end)
                    return
                case _:
                    raise invalid_field("rows", "or end must follow the options")
        raise _incomplete(f"is missing after {self._count} rows")

    def _pieces(
        self, sent: Sequence[Any], request: GrowingRequest | None
    ) -> Iterator[Sequence[tuple[int, R]]]:
        if not 1 <= len(sent) <= IMPORT_ROWS_PER_MESSAGE_MAX:
            most = IMPORT_ROWS_PER_MESSAGE_MAX
            raise invalid_field("rows", f"must be 1 to {most} in a message")
        rows = iter(sent)
        while piece := list(islice(rows, SLICE_ROWS)):
            if request is not None:
                for row in piece:
                    request.read(row.SerializeToString(deterministic=True))
            yield [self._numbered(row, self._count + n) for n, row in enumerate(piece, 1)]
            self._count += len(piece)

    async def _check_end(self, end: pb.ImportEnd) -> None:
        if end.row_count != self._count:
            raise _incomplete(f"says {end.row_count} rows, and {self._count} were received")
        if await self._next() is not None:
            raise invalid_field("end", "must be the last message")

    async def _next(self) -> Any:
        """None when there are no more. Only the sender is waited for here, so what the rows
        before have taken does not count."""
        try:
            async with asyncio.timeout(self._silence_seconds):
                return await anext(self._messages, None)
        except TimeoutError:
            raise _incomplete(
                f"is missing: nothing came for {self._silence_seconds:g} s after {self._count} rows"
            ) from None


def _incomplete(description: str) -> InvalidFieldsError:
    return InvalidFieldsError([FieldViolation("end", description)], Reason.IMPORT_INCOMPLETE)
