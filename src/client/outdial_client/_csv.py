"""Reads people to call from a CSV file, row by row and in constant memory."""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from outdial_client._csv_columns import (
    BadCsvRow,
    Columns,
    CsvColumns,
    CsvFileError,
    CsvProblem,
    CsvRow,
    Header,
)

CsvFile = str | os.PathLike[str] | BinaryIO
"""A path, or a file that is open for reading bytes."""

_DELIMITERS = ",;\t"
# No honest line is as long; one that is comes in parts, each of them a bad row.
_LONGEST_LINE_CHARACTERS = 1 << 20
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class RawRow:
    """The cells of one row as they stand in the file."""

    line: int
    cells: Sequence[str]
    problem: str = ""
    """Why the cells could not be told apart; then there are none."""


def read_header(rows: Iterator[RawRow], columns: Columns | None = None) -> Header:
    """Takes the first row and says what each column is; raises CsvFileError."""
    first = next(rows, None)
    if first is None:
        raise CsvFileError("the file is empty")
    if first.problem:
        raise CsvFileError(f"line {first.line} {first.problem}", row=first.line)
    return Header.read(first.line, first.cells, columns or CsvColumns())


def parse_rows(rows: Iterable[RawRow], header: Header) -> Iterator[CsvRow | BadCsvRow]:
    """What the rows behind the header say; empty ones are passed over."""
    for row in rows:
        if row.problem:
            yield BadCsvRow(row.line, (CsvProblem(row.line, "", "", row.problem),))
        elif any(cell.strip() for cell in row.cells):
            yield header.parse(row.line, row.cells)


def numbered_rows(lines: Iterable[str]) -> Iterator[RawRow]:
    """Rows with the line that each starts on; a quoted cell may run over several lines.

    After a row that cannot be read it goes on with the next line.
    """
    source = iter(lines)
    first = next(source, None)
    if first is None:
        return
    text = first.removeprefix("\ufeff")
    delimiter = max(_DELIMITERS, key=text.count)
    reader = csv.reader(chain((text,), source), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield RawRow(line, next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            yield RawRow(line, (), _reading_problem(line, reader.line_num, error))


def _reading_problem(line: int, last_line: int, error: csv.Error) -> str:
    if last_line > line:
        return f"cannot be read, with the lines up to {last_line}: is a quote open? ({error})"
    return f"cannot be read: {error}"


class CsvSource:
    """A file that can be read, and read again if it is a path or can seek."""

    def __init__(self, file: CsvFile) -> None:
        self._file = file
        self._start = _position(file)

    @property
    def is_rereadable(self) -> bool:
        """Whether it may be opened more than once."""
        return self._start is not None

    @contextmanager
    def open(self) -> Iterator["OpenCsv"]:
        """The file from where it stood at first. A file that was given stays open."""
        if isinstance(self._file, (str, os.PathLike)):
            path = Path(self._file)
            try:
                file: BinaryIO = path.open("rb")
            except OSError as error:
                raise CsvFileError(f"{path} cannot be read: {error.strerror}") from error
            with file, _decoded(file) as reading:
                yield reading
        else:
            if self._start is not None:
                self._file.seek(self._start)
            with _decoded(self._file) as reading:
                yield reading


class OpenCsv:
    """The rows of an open file, and how far it has been read."""

    def __init__(self, text: TextIO, counted: "_CountedFile", bytes_total: int | None) -> None:
        self._text = text
        self._counted = counted
        self.bytes_total = bytes_total
        """None for a stream of unknown length."""

    @property
    def bytes_read(self) -> int:
        """Grows by what is read at once, some KiB."""
        return self._counted.bytes_read

    def raw_rows(self) -> Iterator[RawRow]:
        """All rows, the header first."""
        try:
            yield from numbered_rows(self._lines())
        except OSError as error:
            raise CsvFileError(f"the file cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise CsvFileError("the file is not UTF-16") from error

    def rows(self, columns: Columns | None = None) -> Iterator[CsvRow | BadCsvRow]:
        """The rows behind the header."""
        rows = self.raw_rows()
        header = read_header(rows, columns)
        yield from parse_rows(rows, header)

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(_LONGEST_LINE_CHARACTERS):
            yield line


# Python 3.11 has no `override`, and for two words this package takes no dependency.
class _CountedFile(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.bytes_read = 0

    def readable(self) -> bool:  # type: ignore[explicit-override]
        return True

    def readinto(self, buffer: Any) -> int:  # type: ignore[explicit-override]
        data = self._file.read(len(buffer))
        if not isinstance(data, bytes):
            raise TypeError("the file must be open for reading bytes, as by open(path, 'rb')")
        buffer[: len(data)] = data
        self.bytes_read += len(data)
        return len(data)


@contextmanager
def _decoded(file: BinaryIO) -> Iterator[OpenCsv]:
    total = _bytes_left(file)
    counted = _CountedFile(file)
    buffered = io.BufferedReader(counted)
    # A spreadsheet's "Unicode text".
    if buffered.peek(2)[:2] in _UTF16_MARKS:
        text = io.TextIOWrapper(buffered, encoding="utf-16", newline="")
    else:
        # What is not UTF-8 is a fault of its row, not the end of the file.
        text = io.TextIOWrapper(
            buffered, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )
    with text:
        yield OpenCsv(text, counted, total)


def _position(file: CsvFile) -> int | None:
    if isinstance(file, (str, os.PathLike)):
        return 0
    return file.tell() if file.seekable() else None


def _bytes_left(file: BinaryIO) -> int | None:
    if not file.seekable():
        return None
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here
