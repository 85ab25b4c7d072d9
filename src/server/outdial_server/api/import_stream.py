"""The messages of ImportScheduledCalls, read in their order: options, rows, end."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice

from outdial.v1 import batch_service_pb2 as service_pb
from outdial.v1 import import_pb2 as pb

from outdial_server.api.conversion.imports import numbered_row
from outdial_server.commands.rows import SLICE_ROWS, RawRows
from outdial_server.domain.checks import RawRow
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, Reason, invalid_field
from outdial_server.domain.limits import IMPORT_ROWS_PER_MESSAGE_MAX
from outdial_server.domain.request import GrowingRequest


class ImportStream:
    """One stream. A message is read when the rows of the one before have been taken, so what
    is in memory does not grow with the stream."""

    def __init__(self, messages: AsyncIterator[service_pb.ImportScheduledCallsRequest]) -> None:
        self._messages = messages
        self._count = 0

    async def options(self) -> pb.ImportOptions:
        """The first message."""
        async for message in self._messages:
            if message.WhichOneof("content") == "options":
                return message.options
            break
        raise invalid_field("options", "must be the first message")

    async def rows(self, request: GrowingRequest | None) -> RawRows:
        """What follows, in slices. `request` grows by each row, however they were put into
        messages. Raises InvalidFieldsError (IMPORT_INCOMPLETE) unless the end says how many
        there were."""
        async for message in self._messages:
            match message.WhichOneof("content"):
                case "rows":
                    for piece in self._pieces(message.rows, request):
                        yield piece
                case "end":
                    await self._check_end(message.end)
                    return
                case _:
                    raise invalid_field("rows", "or end must follow the options")
        raise _incomplete(f"is missing after {self._count} rows")

    def _pieces(
        self, message: pb.ImportRows, request: GrowingRequest | None
    ) -> Iterator[Sequence[tuple[int, RawRow]]]:
        if not 1 <= len(message.rows) <= IMPORT_ROWS_PER_MESSAGE_MAX:
            most = IMPORT_ROWS_PER_MESSAGE_MAX
            raise invalid_field("rows", f"must be 1 to {most} in a message")
        rows = iter(message.rows)
        while piece := list(islice(rows, SLICE_ROWS)):
            if request is not None:
                for row in piece:
                    request.read(row.SerializeToString(deterministic=True))
            yield [numbered_row(row, self._count + n) for n, row in enumerate(piece, 1)]
            self._count += len(piece)

    async def _check_end(self, end: pb.ImportEnd) -> None:
        if end.row_count != self._count:
            raise _incomplete(f"says {end.row_count} rows, and {self._count} were received")
        async for _ in self._messages:
            raise invalid_field("end", "must be the last message")


def _incomplete(description: str) -> InvalidFieldsError:
    return InvalidFieldsError([FieldViolation("end", description)], Reason.IMPORT_INCOMPLETE)
