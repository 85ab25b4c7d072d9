"""Rows on their way into an import, in slices."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import Protocol

from outdial.v1.import_pb2 import ImportRow, ImportRowFault
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from outdial_client._csv import CsvSource, OpenCsv, parse_rows, read_header
from outdial_client._csv_columns import BadCsvRow, CsvColumns, CsvRow
from outdial_client._inputs import NewCall

SLICE_ROWS = 500
# Rows may be as long as their texts; a slice stays far below the limit of a message.
SLICE_BYTES = 1 << 20
_MOST_FAULTS = 16
_LONGEST_DESCRIPTION = 512


@dataclass(frozen=True, slots=True)
class ImportSlice:
    """Rows that are sent together."""

    rows: Sequence[ImportRow]
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


@dataclass(slots=True)
class CsvImportRows:
    """Rows of a file. It is read in a thread, so the event loop is never held."""

    source: CsvSource
    chosen: CsvColumns | None
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

    def _rows(self, file: OpenCsv) -> Iterator[ImportRow]:
        raw = file.raw_rows()
        header = read_header(raw, self.chosen)
        self.columns = header.columns
        return (_csv_row(row) for row in parse_rows(raw, header))


@dataclass(slots=True)
class CallImportRows:
    """Rows that a program makes."""

    calls: Iterable[NewCall | ScheduledCall] | AsyncIterable[NewCall | ScheduledCall]
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_start_again(self) -> bool:
        """True for lists and tuples; what a generator gave is gone."""
        return isinstance(self.calls, Sequence)

    async def slices(self) -> AsyncGenerator[ImportSlice, None]:
        """Numbered from 1."""
        if isinstance(self.calls, AsyncIterable):
            async for piece in _slices_of(self.calls):
                yield piece
            return
        rows = (_call_row(number, call) for number, call in enumerate(self.calls, start=1))
        while taken := _take(rows):
            yield ImportSlice(taken)


async def _slices_of(calls: AsyncIterable[NewCall | ScheduledCall]) -> AsyncIterator[ImportSlice]:
    gathered = _Gathered()
    number = 0
    async for call in calls:
        number += 1
        gathered.add(_call_row(number, call))
        if gathered.is_full:
            yield ImportSlice(gathered.rows)
            gathered = _Gathered()
    if gathered.rows:
        yield ImportSlice(gathered.rows)


@dataclass(slots=True)
class _Gathered:
    rows: list[ImportRow] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, row: ImportRow) -> None:
        self.rows.append(row)
        self.size_bytes += row.ByteSize()

    @property
    def is_full(self) -> bool:
        return len(self.rows) == SLICE_ROWS or self.size_bytes >= SLICE_BYTES


def _take(rows: Iterator[ImportRow]) -> list[ImportRow]:
    gathered = _Gathered()
    for row in rows:
        gathered.add(row)
        if gathered.is_full:
            break
    return gathered.rows


def _call_row(number: int, call: NewCall | ScheduledCall) -> ImportRow:
    message = call.to_message() if isinstance(call, NewCall) else call
    return ImportRow(row_number=number, scheduled_call=message)


def _csv_row(row: CsvRow | BadCsvRow) -> ImportRow:
    if isinstance(row, CsvRow):
        return _call_row(row.line, row.call)
    faults = [
        ImportRowFault(field=problem.field, description=problem.reason[:_LONGEST_DESCRIPTION])
        for problem in row.problems[:_MOST_FAULTS]
    ]
    return ImportRow(row_number=row.line, faults=faults)
