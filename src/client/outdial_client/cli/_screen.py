"""Where the command writes: results to stdout, everything else to stderr."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

# Wide enough for ids and names side by side: a pipe has no width of its own.
_WIDTH_OF_A_PIPE = 200


class Output(StrEnum):
    """Forms of what a command answers."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Screen:
    """Both streams, and the form that results take."""

    output: Output
    results: Console
    notes: Console

    @classmethod
    def open(cls, output: Output) -> "Screen":
        """The process's own streams."""
        return cls(output, _console(stderr=False), _console(stderr=True))

    @property
    def is_live(self) -> bool:
        """Whether results may be drawn over."""
        return self.output is Output.TABLE and self.results.is_terminal

    def line(self, text: str) -> None:
        """A result in words; silent where JSON is asked for."""
        if self.output is Output.TABLE:
            self.results.print(escape(text), highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Something beside the results."""
        self.notes.print(escape(text), highlight=False, soft_wrap=True)

    def json(self, value: Mapping[str, Any]) -> None:
        """One object on one line."""
        self.results.out(json.dumps(value, ensure_ascii=False), highlight=False)

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], title: str = ""
    ) -> None:
        """A table; numbers stand to the right."""
        self.results.print(draw_table(headings, rows, title))


def draw_table(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> Table:
    """A table; columns of numbers stand to the right."""
    table = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title=title or None,
        title_justify="left",
    )
    for index, heading in enumerate(headings):
        cells = [row[index] for row in rows]
        numeric = bool(cells) and all(cell.isdecimal() for cell in cells)
        table.add_column(
            heading,
            justify="right" if numeric else "left",
            overflow="fold",
            # An id in two lines cannot be copied: other columns give way first.
            no_wrap=heading.endswith("id"),
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def to_json(message: Message) -> dict[str, Any]:
    """A message in protobuf's JSON form, with the names of the proto files."""
    return MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_WIDTH_OF_A_PIPE)
