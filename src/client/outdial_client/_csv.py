"""Reads people to call from a CSV file, row by row.

The first line names the columns, in any order and case. One of them holds the
phone number; `custom_id`, `time_zone`, `caller_id` and `priority` mean what they
mean in a scheduled call; every other column becomes a template value under its own
name.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outdial_client._inputs import NewCall

PHONE_COLUMNS = ("phone", "phone_number", "mobile", "number", "address")
_OWN_COLUMNS = {
    "custom_id": "custom_id",
    "time_zone": "time_zone",
    "timezone": "time_zone",
    "caller_id": "caller_id",
    "priority": "priority",
}
_DELIMITERS = ",;\t"
_LONGEST_CUSTOM_ID = 256

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_SIP = re.compile(r"sips?:\S+", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s\-‐-―.()\[\]/]")  # noqa: RUF001 - dashes as word processors write them
_ROUNDED = re.compile(r"[0-9.,]+E\+?[0-9]+", re.IGNORECASE)


class CsvFileError(Exception):
    """The file as a whole cannot be read."""


@dataclass(frozen=True, slots=True)
class CsvProblem:
    """What is wrong with one cell."""

    line: int
    """Where the row starts, as an editor counts lines."""
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row that can be called."""

    line: int
    call: NewCall


@dataclass(frozen=True, slots=True)
class BadCsvRow:
    """A row that cannot."""

    line: int
    problems: tuple[CsvProblem, ...]


def read_csv(path: Path, *, phone_column: str = "") -> Iterator[CsvRow | BadCsvRow]:
    """The rows of a file, good and bad, in order; raises CsvFileError."""
    try:
        with path.open(encoding=_encoding(path), newline="") as lines:
            yield from parse_csv(lines, phone_column=phone_column)
    except OSError as error:
        raise CsvFileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CsvFileError(f"{path} is not UTF-8: save it as CSV UTF-8") from error


def parse_csv(lines: Iterable[str], *, phone_column: str = "") -> Iterator[CsvRow | BadCsvRow]:
    """The same from lines."""
    numbered = _NumberedRows(lines)
    header = next(numbered, None)
    if header is None:
        raise CsvFileError("the file is empty")
    columns = _Columns.of(header[1], phone_column)
    for line, cells in numbered:
        if any(cell.strip() for cell in cells):
            yield columns.read(line, cells)


def clean_phone(text: str) -> str:
    """A number without blanks, hyphens, dots and brackets; a SIP URI without blanks around."""
    # Numbers copied from address books carry invisible direction marks.
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf").strip()
    if _SIP.match(visible):
        return visible
    return _SEPARATORS.sub("", visible.removeprefix("'"))


def phone_problem(text: str) -> str:
    """Why a cell is no phone number that can be called; empty when it is one."""
    phone = clean_phone(text)
    if not phone:
        return "is empty"
    if _E164.fullmatch(phone) or _SIP.fullmatch(phone):
        return ""
    if _ROUNDED.fullmatch(text.strip()):
        return "was rounded by a spreadsheet: format the column as text"
    odd = next((char for char in phone.removeprefix("+") if not "0" <= char <= "9"), "")
    if odd:
        return f"has {odd!r} in it, which is no part of a number"
    if phone.startswith("00"):
        return "starts with 00: write + and the country code"
    if not phone.startswith("+"):
        return "lacks + and the country code"
    if phone.startswith("+0"):
        return "starts with +0, which no country has"
    return "is too short" if len(phone) < 3 else "has more than 15 digits"


def _priority_problem(text: str) -> str:
    return "" if not text or (len(text) == 1 and "0" <= text <= "9") else "is not 0 to 9"


def _custom_id_problem(text: str) -> str:
    limit = _LONGEST_CUSTOM_ID
    return "" if len(text) <= limit else f"has more than {limit} characters"


def _caller_id_problem(text: str) -> str:
    return phone_problem(text) if text else ""


_CHECKS: dict[str, Callable[[str], str]] = {
    "address": phone_problem,
    "priority": _priority_problem,
    "custom_id": _custom_id_problem,
    "caller_id": _caller_id_problem,
}


@dataclass(frozen=True, slots=True)
class _Columns:
    """What each column of a file means, by index."""

    names: Sequence[str]
    own: dict[int, str]
    """Columns that are fields of a call."""

    @classmethod
    def of(cls, header: Sequence[str], phone_column: str) -> "_Columns":
        names = [name.strip() for name in header]
        keys = [_key(name) for name in names]
        repeated = next((name for name in names if name and names.count(name) > 1), "")
        if repeated:
            raise CsvFileError(f"two columns are called {repeated!r}")
        own: dict[int, str] = {}
        for index, key in enumerate(keys):
            field = _OWN_COLUMNS.get(key)
            if field and field not in own.values():
                own[index] = field
        own[_phone_index(names, keys, phone_column)] = "address"
        return cls(names, own)

    def read(self, line: int, cells: Sequence[str]) -> CsvRow | BadCsvRow:
        if len(cells) != len(self.names):
            reason = f"has {len(cells)} instead of {len(self.names)} cells"
            return BadCsvRow(line, (CsvProblem(line, "", "", reason),))
        fields = {field: cells[index].strip() for index, field in self.own.items()}
        problems = tuple(self._problems(line, fields))
        return BadCsvRow(line, problems) if problems else CsvRow(line, self._call(fields, cells))

    def _problems(self, line: int, fields: dict[str, str]) -> Iterator[CsvProblem]:
        for index, field in self.own.items():
            check = _CHECKS.get(field)
            reason = check(fields[field]) if check else ""
            if reason:
                yield CsvProblem(line, self.names[index], fields[field], reason)

    def _call(self, fields: dict[str, str], cells: Sequence[str]) -> NewCall:
        return NewCall(
            address=clean_phone(fields["address"]),
            custom_id=fields.get("custom_id", ""),
            time_zone=fields.get("time_zone", ""),
            caller_id=clean_phone(fields.get("caller_id", "")),
            priority=int(fields.get("priority") or 0),
            template_context={
                name: cells[index].strip()
                for index, name in enumerate(self.names)
                if name and index not in self.own
            },
        )


def _phone_index(names: Sequence[str], keys: Sequence[str], phone_column: str) -> int:
    if phone_column:
        wanted = _key(phone_column)
        if wanted not in keys:
            raise CsvFileError(f"no column is called {phone_column!r}; there are {_listed(names)}")
        return keys.index(wanted)
    for known in PHONE_COLUMNS:
        if known in keys:
            return keys.index(known)
    raise CsvFileError(
        f"no column holds phone numbers: name one of {_listed(names)}, "
        f"or call it {PHONE_COLUMNS[0]!r}"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names if name)


def _key(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().casefold())


class _NumberedRows:
    """Rows with the line that each starts on; a quoted cell may run over several lines."""

    def __init__(self, lines: Iterable[str]) -> None:
        source = iter(lines)
        first = next(source, None)
        delimiter = max(_DELIMITERS, key=(first or "").count)
        self._reader = csv.reader(_chain(first, source), delimiter=delimiter, strict=True)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        line = self._reader.line_num + 1
        try:
            return line, next(self._reader)
        except csv.Error as error:
            raise CsvFileError(f"line {line}: {error}") from error


def _chain(first: str | None, rest: Iterator[str]) -> Iterator[str]:
    if first is not None:
        yield first.removeprefix("\ufeff")
        yield from rest


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        mark = file.read(2)
    # A spreadsheet's "Unicode text".
    return "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
