"""An event on its way to watchers."""

from collections.abc import Callable
from typing import Generic, TypeVar

from outdial_server.domain.event import Event

E = TypeVar("E")


class Entry(Generic[E]):
    """An event and its encoded form, which is made when the first watcher needs it: most
    events of a busy batch are folded away from most watchers."""

    __slots__ = ("_encode", "_encoded", "event")

    def __init__(self, event: Event, encode: Callable[[Event], E]) -> None:
        self.event = event
        self._encode = encode
        self._encoded: E | None = None

    @property
    def encoded(self) -> E:
        if self._encoded is None:
            self._encoded = self._encode(self.event)
        return self._encoded
