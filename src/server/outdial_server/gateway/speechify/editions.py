"""Which of the two generations of the documents a request is of."""

from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from typing import Annotated, Final

from fastapi import Header, Request
from fastapi.exceptions import RequestValidationError

VERSION_FAULT: Final = "api_version"
"""The type of a fault in the header."""

_SECOND_SINCE: Final = date(2026, 7, 1)


class Names(Enum):
    """Of fields, where the generations have different ones for the same."""

    FIRST = auto()
    SECOND = auto()
    # Whoever reads one of them passes over the other.
    BOTH = auto()


@dataclass(frozen=True, slots=True)
class Edition:
    names: Names
    # Its words for how things stand, and its rules, of which there cannot be two at once.
    is_first: bool

    def name(self, first: str, second: str) -> tuple[str, ...]:
        if self.names is Names.BOTH:
            return first, second
        return (first,) if self.names is Names.FIRST else (second,)


FIRST: Final = Edition(Names.FIRST, is_first=True)
SECOND: Final = Edition(Names.SECOND, is_first=False)

Version = Annotated[
    str | None,
    Header(
        alias="Speechify-Version",
        description="A date: shapes and rules of that day. Without one the fields of both "
        "generations are there, with the words and rules of the newer one.",
        json_schema_extra={"format": "date"},
    ),
]


def edition_of(request: Request, version: Version = None) -> Edition:
    """By the version that is asked for, else by the path: that of the first pages has the first
    words and rules."""
    if version is not None:
        return SECOND if _date(version) >= _SECOND_SINCE else FIRST
    return Edition(Names.BOTH, is_first=request.url.path.startswith("/v1/batch-calls"))


def _date(version: str) -> date:
    try:
        found = date.fromisoformat(version)
    except ValueError:
        found = None
    # Other spellings of ISO 8601 are none of theirs.
    if found is None or found.isoformat() != version:
        fault = {
            "type": VERSION_FAULT,
            "loc": ("header", "Speechify-Version"),
            "msg": "must be a date like 2026-09-13",
            "input": version,
        }
        raise RequestValidationError([fault])
    return found
