"""A report of the rows that an import did not add."""

import asyncio
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TextIO

from outdial_client._csv import CsvSource, RawRow
from outdial_client._csv_columns import CsvFileError, readable
from outdial_client._imports import ImportFinding
from outdial_client._output_file import OutputFile, open_output
from outdial_client._pager import Pager
from outdial_client._spreadsheet import safe_cell

_OWN_COLUMNS = ("row", "column", "reason")


async def write_refused_rows(
    findings: Pager[ImportFinding], source: CsvSource, target: OutputFile
) -> int:
    """Goes through findings and file side by side, both by row number."""
    with source.open() as file, open_output(target) as text:
        report = _Report.begin(file.raw_rows(), text)
        refused: list[ImportFinding] = []
        async for page in findings.pages():
            refused += [finding for finding in page.items if not finding.is_added]
            # The last row may have more findings on the next page.
            last = refused[-1].row_number if refused and page.next_page_token else None
            now = [finding for finding in refused if finding.row_number != last]
            refused = refused[len(now) :]
            await asyncio.to_thread(report.write, now)
        return report.written


@dataclass(slots=True)
class _Report:
    rows: Iterator[RawRow]
    text: TextIO
    written: int = 0

    @classmethod
    def begin(cls, rows: Iterator[RawRow], text: TextIO) -> "_Report":
        header = next(rows, None)
        if header is None:
            raise CsvFileError("the file is empty")
        report = cls(rows, text)
        report._put([*_OWN_COLUMNS, *header.cells])
        return report

    def write(self, findings: Sequence[ImportFinding]) -> None:
        for line, group in groupby(findings, key=attrgetter("row_number")):
            of_row = list(group)
            columns = "; ".join(dict.fromkeys(finding.column for finding in of_row))
            reasons = "; ".join(dict.fromkeys(finding.reason for finding in of_row))
            self._put([str(line), columns, reasons, *self._cells(line)])
            self.written += 1

    def _cells(self, line: int) -> Sequence[str]:
        row = next((row for row in self.rows if row.line >= line), None)
        if row is None or row.line != line:
            raise CsvFileError(f"no row starts on line {line}: is it another file?", row=line)
        return row.cells

    def _put(self, cells: Sequence[str]) -> None:
        csv.writer(self.text, lineterminator="\n").writerow(
            [safe_cell(readable(cell)) for cell in cells]
        )
