"""Results as CSV and as JSON lines, in constant memory."""

import asyncio
import csv
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from outdial.v1.scheduled_call_service_pb2 import ScheduledCallResult

from outdial_client._export import ResultExport
from outdial_client._output_file import OutputFile, open_output
from outdial_client._result_row import (
    PLAIN_COLUMNS,
    annotations_of,
    context_of,
    conversation_of,
    extra_cells,
    plain_cells,
    plain_values,
    unknown_columns,
)
from outdial_client._spreadsheet import safe_cell

# Names come from the rows: without a bound one list could fill the memory.
_MOST_EXTRA_COLUMNS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProgress:
    """How far an export is."""

    rows_written: int


class ResultWriter(Protocol):
    """Writes results; it blocks, so it is called in a thread."""

    def write(self, results: Sequence[ScheduledCallResult]) -> None:
        """Some more rows."""
        ...

    def finish(self) -> None:
        """Once, after the last row."""
        ...


class ResultFormat(Protocol):
    """How results become text."""

    def writing(self, text: TextIO) -> AbstractContextManager[ResultWriter]:
        """A writer into `text`."""
        ...


async def write_results(
    export: ResultExport,
    form: ResultFormat,
    target: OutputFile,
    on_progress: Callable[[ExportProgress], None] | None,
) -> int:
    """Writes all that `export` gives, and counts it."""
    rows_written = 0
    with open_output(target) as text, form.writing(text) as writer:
        async with export:
            while results := await export.read():
                await asyncio.to_thread(writer.write, results)
                rows_written += len(results)
                if on_progress is not None:
                    on_progress(ExportProgress(rows_written=rows_written))
        await asyncio.to_thread(writer.finish)
    return rows_written


@dataclass(frozen=True, slots=True)
class JsonLinesResults:
    """An object a line."""

    with_conversations: bool = False

    @contextmanager
    def writing(self, text: TextIO) -> Iterator[ResultWriter]:
        """A writer into `text`."""
        yield _JsonLines(text, self.with_conversations)


class CsvResults:
    """A line of cells for each row; ValueError when a column is none that a row can have."""

    def __init__(self, columns: Sequence[str] | None) -> None:
        unknown = unknown_columns(columns or ())
        if unknown:
            raise ValueError(
                f"no column is called {unknown[0]!r}; there are {', '.join(PLAIN_COLUMNS)}, "
                "context.NAME and metadata.NAME"
            )
        self._columns = columns

    @contextmanager
    def writing(self, text: TextIO) -> Iterator[ResultWriter]:
        """A writer into `text`."""
        if self._columns is not None:
            yield _ChosenColumns(text, self._columns)
            return
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as spool:
            yield _AllColumns(text, spool)


@dataclass(frozen=True, slots=True)
class _JsonLines:
    text: TextIO
    with_conversations: bool

    def write(self, results: Sequence[ScheduledCallResult]) -> None:
        for result in results:
            row = result.scheduled_call
            whole: dict[str, Any] = {
                **plain_values(result),
                "template_context": context_of(row),
                "metadata": dict(sorted(row.metadata.items())),
                "annotations": annotations_of(row),
            }
            if self.with_conversations:
                whole["conversation"] = conversation_of(result.call)
            self.text.write(json.dumps(whole, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        pass


class _ChosenColumns:
    def __init__(self, text: TextIO, columns: Sequence[str]) -> None:
        self._columns = columns
        self._lines = _Lines(text)
        self._lines.put(columns)

    def write(self, results: Sequence[ScheduledCallResult]) -> None:
        for result in results:
            cells = _cells(result)
            self._lines.put([cells.get(column, "") for column in self._columns])

    def finish(self) -> None:
        pass


@dataclass(slots=True)
class _AllColumns:
    """Rows go to a spool until the last column is known; only then can the header be written."""

    text: TextIO
    spool: TextIO
    columns: dict[str, None] = field(default_factory=lambda: dict.fromkeys(PLAIN_COLUMNS))

    def write(self, results: Sequence[ScheduledCallResult]) -> None:
        for result in results:
            cells = _cells(result)
            self.columns.update(dict.fromkeys(cells))
            row = [cells.get(column, "") for column in self.columns]
            self.spool.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._check()

    def finish(self) -> None:
        lines = _Lines(self.text)
        lines.put(list(self.columns))
        self.spool.seek(0)
        for line in self.spool:
            cells = json.loads(line)
            # Columns that were found later are empty here.
            lines.put(cells + [""] * (len(self.columns) - len(cells)))

    def _check(self) -> None:
        if len(self.columns) > len(PLAIN_COLUMNS) + _MOST_EXTRA_COLUMNS:
            raise ValueError(
                f"the rows have more than {_MOST_EXTRA_COLUMNS} different template values and "
                "metadata: name the columns that you want, or write JSON lines"
            )


class _Lines:
    def __init__(self, text: TextIO) -> None:
        self._writer = csv.writer(text, lineterminator="\n")

    def put(self, cells: Sequence[str]) -> None:
        self._writer.writerow([safe_cell(cell) for cell in cells])


def _cells(result: ScheduledCallResult) -> dict[str, str]:
    return {**dict(plain_cells(plain_values(result))), **dict(extra_cells(result.scheduled_call))}
