"""CSV files over HTTP: people and contacts in, results out.

What columns mean, and how results become cells, is the client's own code: a file does the same
whichever way it goes.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, fields
from tempfile import TemporaryFile
from typing import Any, Final, TextIO

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from outdial.v1.import_pb2 import ImportEnd
from starlette.types import Send
from typing_extensions import override

from outdial_client.files import (
    ContactColumns,
    CsvColumns,
    CsvFileError,
    CsvResults,
    ImportRows,
    ResultWriter,
    calls_in,
    contacts_in,
)
from outdial_server.domain.errors import InvalidFieldsError, invalid_field
from outdial_server.gateway.decoding import Faults, read_into
from outdial_server.gateway.native.query import pairs_in, query_object
from outdial_server.gateway.native.request import fill_path
from outdial_server.gateway.native.routes import Match

CSV: Final = "text/csv"

_COLUMNS: Final = "columns."
_PIECE_BYTES: Final = 256 * 1024

Columns = CsvColumns | ContactColumns


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an import brings."""

    columns: type[CsvColumns] | type[ContactColumns]
    rows_in: Callable[[Any, Any], ImportRows]


_KINDS: Final[Mapping[str, _Kind]] = {
    "ImportScheduledCalls": _Kind(CsvColumns, calls_in),
    "ImportContacts": _Kind(ContactColumns, contacts_in),
}


async def import_messages(
    match: Match, query: str, pieces: AsyncIterator[bytes]
) -> AsyncGenerator[Message, None]:
    """The stream that an import takes, from a file that is read as it comes. Raises
    InvalidFieldsError."""
    request: Any = GetMessageClass(match.route.rpc.input_type)
    kind = _KINDS[match.route.rpc.name]
    pairs = pairs_in(query)
    yield _options(request(), match, [pair for pair in pairs if not _is_column(pair)])
    columns = _columns(kind, filter(_is_column, pairs))
    upload, count = _Upload(pieces), 0
    await upload.begin()
    try:
        async with aclosing(kind.rows_in(upload, columns).slices()) as slices:
            async for piece in slices:
                yield request(rows={"rows": piece.rows})
                count += len(piece.rows)
    except CsvFileError as error:
        raise _of_file(error) from None
    yield request(end=ImportEnd(row_count=count))


def _options(message: Any, match: Match, pairs: Iterable[tuple[str, str]]) -> Message:
    faults, options = Faults(), message.options
    options.SetInParent()
    read_into(options, query_object(options.DESCRIPTOR, pairs), "", faults)
    faults.check()
    fill_path(message, match.values)
    whole: Message = message
    return whole


def _is_column(pair: tuple[str, str]) -> bool:
    return pair[0].startswith(_COLUMNS)


def _columns(kind: _Kind, pairs: Iterable[tuple[str, str]]) -> Columns:
    """Fields of a row, with columns that have other names than usual."""
    known = {field.name: field.type for field in fields(kind.columns)}
    named: dict[str, Any] = {}
    for name, column in pairs:
        field = name.removeprefix(_COLUMNS)
        if field not in known:
            raise invalid_field(name, f"is not known: there are {', '.join(known)}")
        if known[field] is not str:
            named.setdefault(field, []).append(column)
        elif field in named:
            raise invalid_field(name, "is said twice")
        else:
            named[field] = column
    return kind.columns(**named)


def _of_file(error: CsvFileError) -> InvalidFieldsError:
    place = f"line {error.row}: " if error.row else ""
    return invalid_field("body", f"{place}{error.reason}")


class _Upload(io.RawIOBase):
    """A body as a file, for a reader that blocks: it is in a thread, and each piece is asked for
    in the event loop. Only the first is there before: the reader looks at the beginning of its
    file before it goes into its thread."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._loop = asyncio.get_running_loop()
        self._held = memoryview(b"")
        self._has_ended = False

    async def begin(self) -> None:
        await self._next()

    @override
    def read(self, size: int = -1) -> bytes:
        if not self._held and not self._has_ended:
            asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
        taken, self._held = self._held[:size], self._held[size:]
        return bytes(taken)

    @override
    def seekable(self) -> bool:
        return False

    async def _next(self) -> None:
        piece = await anext(self._pieces, b"")
        self._held, self._has_ended = memoryview(piece), not piece


class CsvOut:
    """Results as a table, which is sent when all of its columns are known. Until then it is in a
    file, and a refusal has a status code of its own."""

    def __init__(
        self, file: TextIO, writer: ResultWriter, headers: Mapping[str, str], send: Send
    ) -> None:
        self._file = file
        self._writer = writer
        self._headers = headers
        self._send = send

    async def write(self, message: Any) -> None:
        try:
            await asyncio.to_thread(self._writer.write, message.results)
        except ValueError as error:
            raise invalid_field("accept", str(error)) from None

    async def end(self) -> None:
        await asyncio.to_thread(self._writer.finish)
        self._file.seek(0)
        await self._begin()
        while piece := await asyncio.to_thread(self._file.read, _PIECE_BYTES):
            await self._put(piece.encode(), more=True)
        await self._put(b"", more=False)

    async def _begin(self) -> None:
        headers = {
            "content-type": f"{CSV}; charset=utf-8",
            "content-disposition": 'attachment; filename="results.csv"',
            "cache-control": "no-store",
            **self._headers,
        }
        pairs = [(name.encode(), text.encode()) for name, text in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": pairs})

    async def _put(self, piece: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})


@contextmanager
def csv_out(headers: Mapping[str, str], send: Send) -> Iterator[CsvOut]:
    """`headers` are filled before the end."""
    with (
        TemporaryFile("w+", encoding="utf-8", newline="") as file,
        CsvResults(None).writing(file) as writer,
    ):
        yield CsvOut(file, writer, headers, send)
