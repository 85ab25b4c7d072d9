"""People in a CSV file."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from fastapi.exceptions import RequestValidationError

from outdial_server.domain.errors import FieldViolation
from outdial_server.gateway.refusal import Refusal
from outdial_server.gateway.speechify.recipients import fault

FILE: Final = "csv_file"
FILE_MAX_BYTES: Final = 5 * 1024 * 1024

_PHONE: Final = "phone"
_CUSTOM_ID: Final = "custom_id"
_ROW: Final = re.compile(r"^scheduled_calls\[(\d+)\]\.?(.*)$")


def place_of(line: int) -> str:
    return f"{FILE}[row {line}]"


def read_csv(content: bytes) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Recipients, each with the line that it begins on; the header is line 1. Raises
    RequestValidationError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refusal(FILE, "must be UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: Sequence[str] = ()
    line = 1
    try:
        for cells in reader:
            if not columns:
                columns = _columns(cells)
            elif any(cells):
                yield line, _recipient(columns, cells, line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise _refusal(place_of(line), f"cannot be read: {error}") from None
    if not columns:
        raise _refusal(FILE, "must have a header")


def in_file(refusal: Refusal, lines: Sequence[int]) -> Refusal:
    """What is refused of a row, by the line that it came from."""
    return replace(
        refusal,
        fields=tuple(
            FieldViolation(_in_file(one.field, lines), one.description) for one in refusal.fields
        ),
    )


def _in_file(path: str, lines: Sequence[int]) -> str:
    found = _ROW.match(path)
    if found is None:
        return path
    field = found[2].removeprefix("template_context.").replace("address", _PHONE)
    place = place_of(lines[int(found[1])])
    return f"{place}.{field}" if field else place


def _columns(cells: Sequence[str]) -> Sequence[str]:
    names = [cell.strip() for cell in cells]
    columns = [_PHONE if name.lower() == _PHONE else name for name in names]
    if _PHONE not in columns:
        raise _refusal(FILE, "must have a column phone")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise _refusal(FILE, f"has the column {twice[0]} twice")
    return columns


def _recipient(columns: Sequence[str], cells: Sequence[str], line: int) -> Mapping[str, object]:
    if len(cells) > len(columns):
        raise _refusal(place_of(line), "has more cells than the header")
    values = dict(zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=True))
    phone = values.pop(_PHONE).strip()
    custom_id = values.pop(_CUSTOM_ID, "")
    return {
        _PHONE: phone,
        "custom_id": custom_id,
        "dynamic_variables": {name: value for name, value in values.items() if name},
    }


def _refusal(place: str, message: str) -> RequestValidationError:
    return RequestValidationError([fault((place,), message)])
