"""Where the command writes: results to stdout, everything else to stderr."""

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_Message = TypeVar("_Message", bound=Message)

# Wide enough for ids and names side by side: a pipe has no width of its own.
_WIDTH_OF_A_PIPE = 200
_NO_LIMIT = 10_000
_NUMBER = re.compile(r"[0-9]+|[0-9]+\.[0-9]+%")


@dataclass(frozen=True, slots=True)
class Listing(Generic[_Message]):
    """How one kind of resource is listed."""

    headings: Sequence[str]
    cells: Callable[[_Message], Sequence[str]]
    identity: Callable[[_Message], str]


@dataclass(frozen=True, slots=True)
class Screen:
    """Both streams, and the form that results take."""

    results: Console
    notes: Console
    is_json: bool = False
    is_quiet: bool = False
    repeated: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        *,
        is_json: bool = False,
        is_quiet: bool = False,
        has_color: bool = True,
        repeated: tuple[str, ...] = (),
    ) -> "Screen":
        """The process's own streams."""
        results = _console(stderr=False, has_color=has_color)
        notes = _console(stderr=True, has_color=has_color)
        return cls(results, notes, is_json, is_quiet, repeated)

    @property
    def is_live(self) -> bool:
        """Whether results may be drawn over."""
        return not self.is_json and self.results.is_terminal

    def line(self, text: str) -> None:
        """An answer in words; silent where JSON is asked for."""
        if not self.is_json:
            self.results.print(escape(text), highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """What was done, in words; silent where JSON or quiet is asked for."""
        if not self.is_quiet:
            self.line(text)

    def note(self, text: str) -> None:
        """Something beside the results."""
        if not self.is_quiet:
            self.complain(text)

    def complain(self, text: str) -> None:
        """Something beside the results that must be heard."""
        self.notes.print(escape(text), highlight=False, soft_wrap=True)

    def json(self, value: Mapping[str, Any]) -> None:
        """One object on one line."""
        self.results.out(to_line(value), highlight=False)

    def done(self, message: Message, sentence: str) -> None:
        """What a command did: the resource as it is now, or a sentence about it."""
        if self.is_json:
            self.json(to_json(message))
        self.say(sentence)

    def made(self, message: Message, identity: str, sentence: str) -> None:
        """What a command made: quiet leaves its id."""
        if self.is_json:
            self.json(to_json(message))
        self.identify(identity, sentence)

    def identify(self, identity: str, sentence: str) -> None:
        """The same in words alone."""
        self.line(identity if self.is_quiet else sentence)

    def facts(self, message: Message, facts: Sequence[tuple[str, str]]) -> None:
        """One resource in full, a fact a line."""
        if self.is_json:
            self.json(to_json(message))
            return
        width = max((len(name) for name, _ in facts), default=0)
        for name, text in facts:
            self.line(f"{name:<{width}}  {text}".rstrip())

    def list(self, messages: Sequence[_Message], listing: Listing[_Message]) -> None:
        """Resources: a table, an object a line, or ids alone for quiet."""
        if self.is_json:
            for message in messages:
                self.json(to_json(message))
        elif self.is_quiet:
            for message in messages:
                self.line(listing.identity(message))
        elif messages:
            self.table(listing.headings, [listing.cells(message) for message in messages])
        else:
            self.note("There is none.")

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], title: str = ""
    ) -> None:
        """A table; numbers stand to the right."""
        table = draw_table(headings, rows, title)
        endless = self.results.options.update(max_width=_NO_LIMIT)
        needed = Measurement.get(self.results, endless, table)
        if needed.minimum > self.results.width:
            # Rows that the terminal breaks can still be read and copied; a number or an
            # id that is broken inside its cell cannot.
            table.width = needed.maximum
        self.results.print(table, crop=False)

    def command(self, *words: str) -> str:
        """A command line for the same server, to be copied."""
        return shlex.join(["outdial", *self.repeated, *words])


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
        numeric = bool(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)
        table.add_column(
            heading,
            justify="right" if numeric else "left",
            overflow="fold",
            # An id in two lines cannot be copied: other columns give way first.
            no_wrap=heading.endswith("id"),
            # No word is broken, for the same reason.
            min_width=max(len(word) for cell in [heading, *cells] for word in cell.split()),
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


def to_line(value: Mapping[str, Any]) -> str:
    """An object on one line."""
    return json.dumps(value, ensure_ascii=False)


def _console(*, stderr: bool, has_color: bool) -> Console:
    # None leaves it to NO_COLOR and to the terminal.
    no_color = None if has_color else True
    console = Console(stderr=stderr, no_color=no_color)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, no_color=no_color, width=_WIDTH_OF_A_PIPE)
