"""Makes a batch of a CSV file, and says what was left out and why."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import CreateBatchResponse

from outdial_client._client import Client
from outdial_client._csv import read_csv
from outdial_client._csv_columns import (
    BadCsvRow,
    CsvColumns,
    CsvFileError,
    CsvProblem,
    CsvRow,
)
from outdial_client._errors import FieldViolation, InvalidArgumentError
from outdial_client._inputs import NewBatch
from outdial_client.cli._exit_code import CommandFailure, ExitCode
from outdial_client.cli._screen import Screen, to_json

_ROW_FIELD = re.compile(r"scheduled_calls\[(\d+)\](?:\.(.+))?")
# A refusal names up to 100 rows, so this many rounds drop 5,000.
_MOST_ROUNDS = 50
_MOST_PROBLEMS_SHOWN = 40


@dataclass(slots=True)
class People:
    """The rows of a file: those to call, and what is wrong with the others."""

    rows: list[CsvRow] = field(default_factory=list)
    problems: list[CsvProblem] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, phone_column: str) -> "People":
        """All of a file; CommandFailure when it is no list of people at all."""
        people = cls()
        try:
            for row in read_csv(path, CsvColumns(phone=phone_column)):
                if isinstance(row, BadCsvRow):
                    people.problems += row.problems
                else:
                    people.rows.append(row)
        except CsvFileError as error:
            raise CommandFailure(f"{path}: {error}") from error
        return people

    @property
    def bad_lines(self) -> int:
        """Rows that cannot be called."""
        return len({problem.line for problem in self.problems})

    def drop(self, refused: Iterable[CsvProblem]) -> None:
        """Counts rows as bad that the server would not take."""
        faults = list(refused)
        lines = {fault.line for fault in faults}
        self.problems += faults
        self.rows = [row for row in self.rows if row.line not in lines]


@dataclass(frozen=True, slots=True)
class Upload:
    """Sends people as one batch."""

    client: Client
    screen: Screen
    skip_bad_rows: bool

    async def send(self, batch: NewBatch, people: People, *, draft: bool) -> Batch:
        """Makes the batch and shows what was left out."""
        self._refuse_unless_skipping(people)
        for _ in range(_MOST_ROUNDS):
            try:
                created = await self.client.batches.create(
                    batch, (row.call for row in people.rows), draft=draft
                )
            except InvalidArgumentError as error:
                refused = _refused_rows(error.fields, people.rows)
                if not refused:
                    raise
                people.drop(refused)
                self._refuse_unless_skipping(people)
            else:
                self._show(created, people)
                return created.batch
        raise CommandFailure("the server refuses too many rows", ExitCode.ROWS_REFUSED)

    def _refuse_unless_skipping(self, people: People) -> None:
        if people.problems and not self.skip_bad_rows:
            _show_problems(self.screen, people.problems)
            raise CommandFailure(
                f"rows that cannot be called: {people.bad_lines}; so nobody is called. "
                "Mend them, or leave them out with --skip-bad-rows.",
                ExitCode.ROWS_REFUSED,
            )
        if not people.rows:
            _show_problems(self.screen, people.problems)
            raise CommandFailure("there is nobody to call", ExitCode.ROWS_REFUSED)

    def _show(self, created: CreateBatchResponse, people: People) -> None:
        duplicates = _duplicates(created, people.rows)
        left_out = sorted([*people.problems, *duplicates], key=lambda problem: problem.line)
        if self.screen.is_json:
            rows = [
                {"line": problem.line, "column": problem.column, "reason": problem.reason}
                for problem in left_out
            ]
            self.screen.json({"batch": to_json(created.batch), "left_out": rows})
            return
        _show_problems(self.screen, left_out)
        called = len(people.rows) - len(duplicates)
        left_out_as = [("bad", people.bad_lines), ("duplicates", len(duplicates))]
        told = ", ".join(f"{number} as {word}" for word, number in left_out_as if number)
        left_out_text = f"; left out: {told}" if told else ""
        self.screen.say(f"Batch {created.batch.batch_id}: {called} to call{left_out_text}.")


def _show_problems(screen: Screen, problems: Sequence[CsvProblem]) -> None:
    if not problems or screen.is_json:
        for problem in islice(problems, _MOST_PROBLEMS_SHOWN):
            screen.note(f"line {problem.line}: {problem.column} {problem.reason}")
        return
    rows = [
        (str(problem.line), problem.column, problem.value, problem.reason)
        for problem in problems[:_MOST_PROBLEMS_SHOWN]
    ]
    screen.table(("line", "column", "value", "left out because it"), rows)
    if len(problems) > len(rows):
        screen.line(f"... and {len(problems) - len(rows)} more.")


def _refused_rows(fields: Sequence[FieldViolation], rows: Sequence[CsvRow]) -> list[CsvProblem]:
    """The rows that a refusal names; none when it names anything else as well."""
    refused = []
    for fault in fields:
        match = _ROW_FIELD.fullmatch(fault.field)
        if match is None or int(match[1]) >= len(rows):
            return []
        row = rows[int(match[1])]
        column = match[2] or ""
        refused.append(CsvProblem(row.line, column, _value(row, column), fault.description))
    return refused


def _value(row: CsvRow, column: str) -> str:
    return str(getattr(row.call, column, ""))


def _duplicates(created: CreateBatchResponse, rows: Sequence[CsvRow]) -> list[CsvProblem]:
    skipped = {duplicate.index: duplicate for duplicate in created.skipped_duplicates}
    kept = [row for index, row in enumerate(rows) if index not in skipped]
    return [
        CsvProblem(
            rows[index].line,
            "",
            rows[index].call.address,
            f"has the number of line {kept[duplicate.kept_position].line}",
        )
        for index, duplicate in skipped.items()
    ]
