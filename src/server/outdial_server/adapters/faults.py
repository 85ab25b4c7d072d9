"""Exceptions in a log: where and of which kind, and never in their own words.

The text of an exception quotes what it met: a number in a KeyError, a row in a database's
complaint. So it is left out, of our own exceptions and of everybody's; codes are kept, and
the places in the code, which say the rest.
"""

import errno
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final

from outdial_server.domain.errors import OutdialError

FRAMES_MOST: Final = 12
"""Of each exception the innermost; what called us is the same each time."""
CHAIN_MOST: Final = 4

_PARTS_SHOWN: Final = 3


def tell_fault(event: MutableMapping[str, Any]) -> None:
    """Replaces `exc_info` by `fault`: the exception and its causes, each as `TypeName` or
    `TypeName(CODE)` with the places that it came through, innermost last."""
    given = event.pop("exc_info", None)
    error = _exception(given)
    if error is not None:
        event["fault"] = [_one(link) for link in _chain(error)]


def _exception(given: object) -> BaseException | None:
    if given is None or given is False:
        return None
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        found = given[1]
        return found if isinstance(found, BaseException) else None
    return sys.exception()


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(CHAIN_MOST):
        if link is None:
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _one(error: BaseException) -> dict[str, object]:
    code = code_of(error)
    name = type(error).__name__
    return {
        "type": f"{name}({code})" if code else name,
        "places": list(_places(error.__traceback__))[-FRAMES_MOST:],
    }


def code_of(error: BaseException) -> str:
    """A code that says nothing of data: a reason of ours, an errno, an SQLSTATE; else
    empty."""
    if isinstance(error, OutdialError):
        return error.reason.value
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, "")
    # Of the two databases' drivers, which this room does not know.
    found = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    return found if isinstance(found, str) else ""


def _places(traceback: TracebackType | None) -> Iterator[str]:
    for frame, line in walk_tb(traceback):
        yield place_of(frame.f_code.co_filename, line, frame.f_code.co_name)


def place_of(file: str, line: int, function: str) -> str:
    """Like `engine/dialer.py:112 _place`, without where it is installed."""
    return f"{'/'.join(Path(file).parts[-_PARTS_SHOWN:])}:{line} {function}"
