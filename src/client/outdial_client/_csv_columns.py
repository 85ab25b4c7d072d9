"""What the columns of a CSV file mean."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from outdial.v1.scheduled_call_pb2 import Medium

from outdial_client._inputs import NewCall
from outdial_client._phone import clean_phone, phone_problem

PHONE_COLUMNS = ("phone", "phone_number", "mobile", "mobile_number", "number", "address")
_KNOWN_COLUMNS = {
    "address": PHONE_COLUMNS,
    "custom_id": ("custom_id",),
    "time_zone": ("time_zone", "timezone"),
    "caller_id": ("caller_id",),
    "priority": ("priority",),
    "ring_timeout": ("ring_timeout", "ring_timeout_seconds"),
    "max_call_duration": ("max_call_duration", "max_call_duration_seconds"),
    # Only where a column is named for it: lists have had columns of such names for templates.
    "carrier_config": (),
    "medium": (),
}
_MEDIA = {
    "": Medium.MEDIUM_UNSPECIFIED,
    "outgoing": Medium.MEDIUM_OUTGOING,
    "webhook": Medium.MEDIUM_WEBHOOK,
}
_LONGEST_CUSTOM_ID = 256
_LONGEST_RING_SECONDS = 600
_LONGEST_CALL_SECONDS = 86_400
_SECONDS = re.compile("[0-9]{1,6}")
_CONTEXT = "template_context."
METADATA = "metadata."
_CARRIER_PARAMS = "carrier_params."

# What a byte that is not UTF-8 becomes under "surrogateescape".
_UNDECODED = re.compile("[\udc80-\udcff]")


class CsvFileError(Exception):
    """The file as a whole cannot be read.

    `row` is the line, 0 when it is about no line; `column` may be empty.
    """

    def __init__(self, reason: str, *, row: int = 0, column: str = "") -> None:
        self.row = row
        self.column = column
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class CsvProblem:
    """What is wrong with one cell."""

    line: int
    """Where the row starts, as an editor counts lines."""
    column: str
    value: str
    reason: str
    field: str = ""
    """Of ScheduledCall; empty for the row as a whole."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row without a fault."""

    line: int
    values: Mapping[str, str]
    """By field."""

    @property
    def call(self) -> NewCall:
        """The row as somebody to be called."""
        return _to_call(self.values)


@dataclass(frozen=True, slots=True)
class BadCsvRow:
    """A row that cannot."""

    line: int
    problems: tuple[CsvProblem, ...]
    # What stands where the phone number should, if the cells can be told apart.
    address: str = ""


class Columns(Protocol):
    """Which column holds what, in files of one kind."""

    @property
    def usual(self) -> Mapping[str, Sequence[str]]:
        """Fields with the names that their columns usually have."""
        ...

    @property
    def rest(self) -> str:
        """Stands before the name of a column that means nothing else."""
        ...

    @property
    def named(self) -> Mapping[str, Sequence[str]]:
        """Columns that are no such rest, by what stands before their names instead."""
        ...

    def chosen(self) -> Iterator[tuple[str, str]]:
        """Fields with the names that were given for them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvColumns:
    """Which column holds what, by its name in the first line.

    Case, blanks, hyphens and underscores in a name do not matter. What is left
    empty is looked for under its usual names; every column that means nothing else
    becomes a template value under its own name. An empty cell says nothing: the agent's
    default holds, and without one the row is refused.
    """

    phone: str = ""
    """Else `phone`, `phone_number`, `mobile`, `mobile_number`, `number` or `address`."""
    custom_id: str = ""
    """Else `custom_id`, if there is one; the same for the others."""
    time_zone: str = ""
    """Else `time_zone` or `timezone`."""
    caller_id: str = ""
    priority: str = ""
    ring_timeout: str = ""
    """Whole seconds, 1 to 600. Else `ring_timeout` or `ring_timeout_seconds`."""
    max_call_duration: str = ""
    """Whole seconds, 1 to 86,400. Else `max_call_duration` or `max_call_duration_seconds`."""
    carrier_config: str = ""
    """Ids or names of carrier configs. Nothing unless it is named; the same for the next."""
    medium: str = ""
    """`outgoing` or `webhook`."""
    metadata: Sequence[str] = ()
    """Columns that become metadata and no template values."""
    carrier_params: Sequence[str] = ()
    """Columns that become parameters of the carrier's own under their own names, as text, and
    no template values."""

    @property
    def usual(self) -> Mapping[str, Sequence[str]]:
        """Fields of a call with the names that their columns usually have."""
        return _KNOWN_COLUMNS

    @property
    def rest(self) -> str:
        """Every other column is a template value."""
        return _CONTEXT

    @property
    def named(self) -> Mapping[str, Sequence[str]]:
        """Columns that are no template values."""
        return {METADATA: self.metadata, _CARRIER_PARAMS: self.carrier_params}

    def chosen(self) -> Iterator[tuple[str, str]]:
        """Fields of a call with the names that were given for them."""
        yield "address", self.phone
        yield "custom_id", self.custom_id
        yield "time_zone", self.time_zone
        yield "caller_id", self.caller_id
        yield "priority", self.priority
        yield "ring_timeout", self.ring_timeout
        yield "max_call_duration", self.max_call_duration
        yield "carrier_config", self.carrier_config
        yield "medium", self.medium


def readable(text: str) -> str:
    """The text with marks in place of what is not UTF-8."""
    return text if text.isascii() else _UNDECODED.sub("\ufffd", text)


def _priority_problem(text: str) -> str:
    return "" if not text or (len(text) == 1 and "0" <= text <= "9") else "is not 0 to 9"


def _seconds_problem(longest: int, text: str) -> str:
    if not text or (_SECONDS.fullmatch(text) and 1 <= int(text) <= longest):
        return ""
    return f"is not 1 to {longest} whole seconds"


def _custom_id_problem(text: str) -> str:
    limit = _LONGEST_CUSTOM_ID
    return "" if len(text) <= limit else f"has more than {limit} characters"


def _caller_id_problem(text: str) -> str:
    return phone_problem(text) if text else ""


def _medium_problem(text: str) -> str:
    return "" if text.casefold() in _MEDIA else "is neither outgoing nor webhook"


_CHECKS: dict[str, Callable[[str], str]] = {
    "address": phone_problem,
    "priority": _priority_problem,
    "ring_timeout": partial(_seconds_problem, _LONGEST_RING_SECONDS),
    "max_call_duration": partial(_seconds_problem, _LONGEST_CALL_SECONDS),
    "custom_id": _custom_id_problem,
    "caller_id": _caller_id_problem,
    "medium": _medium_problem,
}


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file: what each column is, by index."""

    names: Sequence[str]
    fields: Mapping[int, str]
    """`address`, `metadata.city`, `template_context.name` ...; columns without a name are
    not in it."""

    @classmethod
    def read(cls, line: int, cells: Sequence[str], columns: Columns) -> "Header":
        """Raises CsvFileError when it does not say which column holds the numbers."""
        names = [name.strip() for name in cells]
        if any(_UNDECODED.search(name) for name in names):
            raise CsvFileError("the file is not UTF-8: save it as CSV UTF-8", row=line)
        repeated = next((name for name in names if name and names.count(name) > 1), "")
        if repeated:
            raise CsvFileError(f"two columns are called {repeated!r}", row=line, column=repeated)
        finder = _Finder(line, names, [_key(name) for name in names])
        found = finder.find_all(columns)
        return cls(names, {index: found[index] for index in sorted(found)})

    @property
    def columns(self) -> dict[str, str]:
        """The name of the column that each field comes from."""
        return {field: self.names[index] for index, field in self.fields.items()}

    def parse(self, line: int, cells: Sequence[str]) -> CsvRow | BadCsvRow:
        """What the cells of one row say."""
        if len(cells) != len(self.names):
            reason = f"has {len(cells)} instead of {len(self.names)} cells"
            return BadCsvRow(line, (CsvProblem(line, "", "", reason),))
        values = {field: cells[index].strip() for index, field in self.fields.items()}
        problems = tuple(self._problems(line, values))
        if problems:
            return BadCsvRow(line, problems, values["address"])
        return CsvRow(line, values)

    def _problems(self, line: int, values: Mapping[str, str]) -> Iterator[CsvProblem]:
        for index, field in self.fields.items():
            value = values[field]
            reason = _problem(field, value)
            if reason:
                yield CsvProblem(line, self.names[index], readable(value), reason, field)


@dataclass(frozen=True, slots=True)
class _Finder:
    line: int
    names: Sequence[str]
    keys: Sequence[str]

    def find_all(self, columns: Columns) -> dict[int, str]:
        found: dict[int, str] = {}
        for field, chosen in columns.chosen():
            if chosen:
                self._take(found, chosen, field)
        for prefix, names in columns.named.items():
            for name in names:
                self._take(found, name, prefix + self.names[self._index(name)])
        for field, chosen in columns.chosen():
            index = None if chosen else self._usual(columns.usual[field], found)
            if index is not None:
                found[index] = field
        if "address" not in found.values():
            raise CsvFileError(
                f"no column holds phone numbers: name one of {_listed(self.names)}, "
                f"or call it {PHONE_COLUMNS[0]!r}",
                row=self.line,
            )
        for index, name in enumerate(self.names):
            if name and index not in found:
                found[index] = columns.rest + name
        return found

    def _take(self, found: dict[int, str], name: str, field: str) -> None:
        index = self._index(name)
        if index in found:
            reason = f"column {name!r} cannot be {found[index]} and {field}"
            raise CsvFileError(reason, row=self.line, column=name)
        found[index] = field

    def _index(self, name: str) -> int:
        key = _key(name)
        if key not in self.keys:
            reason = f"no column is called {name!r}; there are {_listed(self.names)}"
            raise CsvFileError(reason, row=self.line, column=name)
        return self.keys.index(key)

    def _usual(self, names: Sequence[str], found: Mapping[int, str]) -> int | None:
        candidates = (self.keys.index(key) for key in names if key in self.keys)
        return next((index for index in candidates if index not in found), None)


def _problem(field: str, value: str) -> str:
    if not value.isascii() and _UNDECODED.search(value):
        return "is not UTF-8: save the file as CSV UTF-8"
    check = _CHECKS.get(field)
    return check(value) if check else ""


def _to_call(values: Mapping[str, str]) -> NewCall:
    return NewCall(
        address=clean_phone(values["address"]),
        custom_id=values.get("custom_id", ""),
        time_zone=values.get("time_zone", ""),
        caller_id=clean_phone(values.get("caller_id", "")),
        priority=int(values.get("priority") or 0),
        ring_timeout=_length(values.get("ring_timeout")),
        max_call_duration=_length(values.get("max_call_duration")),
        carrier_config=values.get("carrier_config", ""),
        medium=_MEDIA[values.get("medium", "").casefold()],
        template_context=_nested(below(_CONTEXT, values)),
        metadata=below(METADATA, values),
        carrier_params=below(_CARRIER_PARAMS, values),
    )


def _length(seconds: str | None) -> timedelta | None:
    return timedelta(seconds=int(seconds)) if seconds else None


def below(prefix: str, values: Mapping[str, str]) -> dict[str, str]:
    """The fields that begin so, without it; empty cells say nothing."""
    return {
        field.removeprefix(prefix): value
        for field, value in values.items()
        if value and field.startswith(prefix)
    }


def _nested(values: Mapping[str, str]) -> dict[str, Any]:
    """`customer.first_name` goes into an object `customer`, where templates look for it;
    beside a column `customer` there is no such object, and the name stays as it is."""
    tree: dict[str, Any] = {}
    for name, value in sorted(values.items()):
        *above, last = name.split(".")
        place: Any = tree
        for step in above:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                break
        else:
            place[last] = value
            continue
        tree[name] = value
    return tree


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names if name)


def _key(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().casefold())
