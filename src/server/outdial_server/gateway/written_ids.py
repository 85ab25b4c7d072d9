"""Ids as whoever asks has written them, where a surface has a form of its own for them: what it
says of one names it so."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_WRITTEN: Final[ContextVar[dict[str, str] | None]] = ContextVar("written_ids", default=None)


@contextmanager
def noting_ids() -> Iterator[None]:
    """Around one request: a connection's requests share its context."""
    token = _WRITTEN.set({})
    try:
        yield
    finally:
        _WRITTEN.reset(token)


def note_id(id_: str, text: str) -> str:
    """The id of ours that a text stands for."""
    written = _WRITTEN.get()
    if written is not None:
        written[id_.lower()] = text
    return id_


def as_written(id_: str) -> str:
    """Itself for one that was not written in this request."""
    return (_WRITTEN.get() or {}).get(id_.lower(), id_)
