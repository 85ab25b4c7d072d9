"""The messages of imports, read in their order: options, rows, end."""

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
    is in memory does not grow with the stream."""

    def __init__(
        self, messages: AsyncIterator[Any], numbered: Callable[[Any, int], tuple[int, R]]
    ) -> None:
        """`numbered` reads a row, given which one of the import it is, from 1."""
        self._messages = messages
        self._numbered = numbered
        self._count = 0

    async def options(self) -> Any:
        """The first message."""
        async for message in self._messages:
            if message.WhichOneof("content") == "options":
                return message.options
            break
        raise invalid_field("options", "must be the first message")

    async def rows(
        self, request: GrowingRequest | None
    ) -> AsyncGenerator[Sequence[tuple[int, R]], None]:
        """What follows, in slices. `request` grows by each row, however they were put into
        messages. Raises InvalidFieldsError (IMPORT_INCOMPLETE) unless the end says how many
        there were."""
        async for message in self._messages:
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
        async for _ in self._messages:
            raise invalid_field("end", "must be the last message")


def _incomplete(description: str) -> InvalidFieldsError:
    return InvalidFieldsError([FieldViolation("end", description)], Reason.IMPORT_INCOMPLETE)
