"""For how long what is over is kept."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

NEVER: Final = "never"
"""Is never erased."""

_TEXT: Final = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[mhdw])")
_UNITS: Final = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SHORTEST: Final = timedelta(minutes=1)
"""Whoever watches must be told of the end before it can be erased."""
_LONGEST: Final = timedelta(days=36_500)


def parse_keep(text: str) -> timedelta | None:
    """`90m`, `12h`, `30d`, `2w`, or `never`, which is None. Raises ValueError."""
    if text == NEVER:
        return None
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError("must be a number with m, h, d or w behind it, like 30d, or never")
    keep = int(found["count"]) * _UNITS[found["unit"]]
    if not _SHORTEST <= keep <= _LONGEST:
        raise ValueError(f"must be from 1m to {_LONGEST.days}d, or never")
    return keep


def is_longer(one: timedelta | None, other: timedelta | None) -> bool:
    """Whether `one` keeps longer than `other`; None is for ever."""
    return other is not None and (one is None or one > other)


def shorter(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    return other if is_longer(one, other) else one


@dataclass(frozen=True, slots=True)
class Retention:
    """How long after a batch has ended what of it is kept; None is for ever. `deleted` is
    counted from the deletion, of a batch that has ended, `imports` from when they began,
    `deliveries` from their first try.

    `events` and `payloads` are within `batches`: a batch is erased with all that is in it.
    Calls outlive their batch: `calls` is never shorter than `batches`.
    """

    events: timedelta | None = None
    payloads: timedelta | None = None
    batches: timedelta | None = None
    deleted: timedelta | None = None
    calls: timedelta | None = None
    imports: timedelta | None = None
    deliveries: timedelta | None = None


KEEP_ALL: Final = Retention()
