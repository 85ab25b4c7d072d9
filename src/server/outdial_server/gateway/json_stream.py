"""A JSON object with one long list, read as it comes in.

Thirty megabytes would hold everybody else for a second if they were parsed at once, and take
ten times their size in memory if all their rows were objects together.
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import Any, Final

import ijson

from outdial_server.domain.errors import InvalidFieldsError, invalid_field

Take = Callable[[int, Any], None]
"""One entry of the list, with its index."""

_TURN_BYTES: Final = 8 * 1024
"""So much is parsed, and its entries taken, before others have their turn: some 30 entries, a few
milliseconds."""

_DEPTH_MOST: Final = 60
"""Deeper than anything that is documented; contexts hold what their writers like."""

_KEY_SHOWN: Final = 64
"""So much of a key tells which one it is."""


class LongList:
    """Stands in the object where the list stood, whose entries have been taken."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self.count = 0

    def append(self, entry: object) -> None:
        self._take(self.count, entry)
        self.count += 1


async def read_object(
    chunks: AsyncIterable[bytes], list_name: str, take: Take, other_spelling: str = ""
) -> dict[str, Any]:
    """The object, with a LongList where `list_name` holds a list: its entries have gone to
    `take` one by one, before what follows them was read. Raises InvalidFieldsError, also for
    JSON that is no object."""
    events: list[tuple[str, Any]] = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events, use_float=True)
    builder = _Builder((list_name, other_spelling or list_name), take)
    try:
        async for chunk in chunks:
            for start in range(0, len(chunk), _TURN_BYTES):
                turn = chunk[start : start + _TURN_BYTES]
                parser.send(turn)
                builder.add(events)
                events.clear()
                await asyncio.sleep(0)
        parser.close()
        builder.add(events)
    except ijson.JSONError as error:
        # What was read of it before tells where.
        builder.add(events)
        raise _no_json(error, builder.place) from None
    if not isinstance(builder.whole, dict):
        raise invalid_field("body", "must be an object")
    return builder.whole


def _no_json(error: Exception, place: str) -> InvalidFieldsError:
    told = error.args[0] if error.args else ""
    words = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
    # What follows draws a picture of the place.
    why = words.partition("\n")[0]
    at = f" at {place}" if place else ""
    if "overflow" in why:
        # JSON knows no largest number, but whoever reads it does.
        return invalid_field("body", f"has a number that is too large{at}: send it as a text")
    return invalid_field("body", f"is no JSON{at}: {why}")


class _Builder:
    """Puts together what the parser tells, and gives the entries of the list away."""

    def __init__(self, list_names: Sequence[str], take: Take) -> None:
        self.whole: Any = None
        self._list_names = list_names
        self._take = take
        # Objects and lists that are not closed, and beside each object the key whose value is
        # to come.
        self._open: list[Any] = []
        self._keys: list[str] = []

    def add(self, events: Iterable[tuple[str, Any]]) -> None:
        """Of some millions, so that nothing here is called for each."""
        opened, keys = self._open, self._keys
        for event, told in events:
            value = told
            if event == "map_key":
                keys[-1] = told
                continue
            if event in {"start_map", "start_array"}:
                self._begin(event)
                continue
            if event in {"end_map", "end_array"}:
                value = opened.pop()
                keys.pop()
            if not opened:
                self.whole = value
            elif type(opened[-1]) is dict:
                opened[-1][keys[-1]] = value
            else:
                opened[-1].append(value)

    @property
    def place(self) -> str:
        """Of what was read last, as `calls[7].metadata`."""
        path = ""
        for holder, key in zip(self._open, self._keys, strict=True):
            if isinstance(holder, LongList):
                path += f"[{holder.count}]"
            elif isinstance(holder, list):
                path += f"[{len(holder)}]"
            elif key:
                path += f".{key[:_KEY_SHOWN]}" if path else key[:_KEY_SHOWN]
        return path

    def _begin(self, event: str) -> None:
        if len(self._open) == _DEPTH_MOST:
            raise invalid_field("body", f"is nested deeper than {_DEPTH_MOST} levels")
        self._open.append({} if event == "start_map" else self._list())
        self._keys.append("")

    def _list(self) -> "list[Any] | LongList":
        if len(self._open) != 1 or self._keys[0] not in self._list_names:
            return []
        if any(name in self._open[0] for name in self._list_names):
            raise invalid_field(self._keys[0], "is said twice")
        return LongList(self._take)
