"""Rows on their way into an import, in slices."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from outdial.v1.contact_pb2 import Contact
from outdial.v1.import_pb2 import ContactImportRow, ImportRow, ImportRowFault
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from outdial_client._contact_columns import to_contact
from outdial_client._csv import CsvSource, OpenCsv, parse_rows, read_header
from outdial_client._csv_columns import BadCsvRow, Columns, CsvRow
from outdial_client._inputs import NewCall, NewContact
from outdial_client._inputs import to_contact as contact_message

RowMessage = ImportRow | ContactImportRow
T = TypeVar("T")

SLICE_ROWS = 500
# Rows may be as long as their texts; a slice stays far below the limit of a message.
SLICE_BYTES = 1 << 20
_MOST_FAULTS = 16
_LONGEST_DESCRIPTION = 512


@dataclass(frozen=True, slots=True)
class ImportSlice:
    """Rows that are sent together."""

    rows: Sequence[RowMessage]
    bytes_read: int = 0
    bytes_total: int | None = None


class ImportRows(Protocol):
    """Where the rows of an import come from."""

    @property
    def can_start_again(self) -> bool:
        """Whether `slices` may be called a second time."""
        ...

    @property
    def columns(self) -> Mapping[str, str]:
        """The column of the file that each field comes from; known once reading began."""
        ...

    def slices(self) -> AsyncGenerator[ImportSlice, None]:
        """All rows from the first on."""
        ...


@dataclass(frozen=True, slots=True)
class RowKind(Generic[T]):
    """What an import has rows of."""

    given: Callable[[int, T], RowMessage]
    """A row that a program made, with its number."""
    read: Callable[[CsvRow], RowMessage]
    faulty: Callable[[BadCsvRow, Sequence[ImportRowFault]], RowMessage]


@dataclass(slots=True)
class CsvImportRows(Generic[T]):
    """Rows of a file. It is read in a thread, so the event loop is never held."""

    source: CsvSource
    chosen: Columns
    kind: RowKind[T]
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_start_again(self) -> bool:
        """True for paths and files that can seek."""
        return self.source.is_rereadable

    async def slices(self) -> AsyncGenerator[ImportSlice, None]:
        """Raises CsvFileError."""
        with self.source.open() as file:
            rows = self._rows(file)
            while piece := await asyncio.to_thread(_take, rows):
                yield ImportSlice(piece, file.bytes_read, file.bytes_total)

    def _rows(self, file: OpenCsv) -> Iterator[RowMessage]:
        raw = file.raw_rows()
        header = read_header(raw, self.chosen)
        self.columns = header.columns
        return (_csv_row(self.kind, row) for row in parse_rows(raw, header))


@dataclass(slots=True)
class GivenImportRows(Generic[T]):
    """Rows that a program makes."""

    given: Iterable[T] | AsyncIterable[T]
    kind: RowKind[T]
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_start_again(self) -> bool:
        """True for lists and tuples; what a generator gave is gone."""
        return isinstance(self.given, Sequence)

    async def slices(self) -> AsyncGenerator[ImportSlice, None]:
        """Numbered from 1."""
        if isinstance(self.given, AsyncIterable):
            async for piece in _slices_of(self.given, self.kind):
                yield piece
            return
        rows = (self.kind.given(number, one) for number, one in enumerate(self.given, start=1))
        while taken := _take(rows):
            yield ImportSlice(taken)


async def _slices_of(given: AsyncIterable[T], kind: RowKind[T]) -> AsyncIterator[ImportSlice]:
    gathered = _Gathered()
    number = 0
    async for one in given:
        number += 1
        gathered.add(kind.given(number, one))
        if gathered.is_full:
            yield ImportSlice(gathered.rows)
            gathered = _Gathered()
    if gathered.rows:
        yield ImportSlice(gathered.rows)


@dataclass(slots=True)
class _Gathered:
    rows: list[RowMessage] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, row: RowMessage) -> None:
        self.rows.append(row)
        self.size_bytes += row.ByteSize()

    @property
    def is_full(self) -> bool:
        return len(self.rows) == SLICE_ROWS or self.size_bytes >= SLICE_BYTES


def _take(rows: Iterator[RowMessage]) -> list[RowMessage]:
    gathered = _Gathered()
    for row in rows:
        gathered.add(row)
        if gathered.is_full:
            break
    return gathered.rows


def _csv_row(kind: RowKind[T], row: CsvRow | BadCsvRow) -> RowMessage:
    if isinstance(row, CsvRow):
        return kind.read(row)
    faults = [
        ImportRowFault(field=problem.field, description=problem.reason[:_LONGEST_DESCRIPTION])
        for problem in row.problems[:_MOST_FAULTS]
    ]
    return kind.faulty(row, faults)


def _call_row(number: int, call: NewCall | ScheduledCall) -> ImportRow:
    message = call.to_message() if isinstance(call, NewCall) else call
    return ImportRow(row_number=number, scheduled_call=message)


def _contact_row(number: int, contact: NewContact | Contact) -> ContactImportRow:
    return ContactImportRow(row_number=number, contact=contact_message(contact))


CALLS: RowKind[NewCall | ScheduledCall] = RowKind(
    given=_call_row,
    read=lambda row: _call_row(row.line, row.call),
    faulty=lambda row, faults: ImportRow(row_number=row.line, faults=faults),
)
CONTACTS: RowKind[NewContact | Contact] = RowKind(
    given=_contact_row,
    read=lambda row: _contact_row(row.line, to_contact(row)),
    faulty=lambda row, faults: ContactImportRow(
        row_number=row.line, contact=Contact(address=row.address), faults=faults
    ),
)
