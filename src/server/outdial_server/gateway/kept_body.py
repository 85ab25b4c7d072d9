"""A body that is read whole before anything is done with it, and then given to an application."""

import asyncio
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Final, Self

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

_IN_MEMORY_BYTES: Final = 1024 * 1024
"""What is longer lies in a file that has no name."""

_PIECE_BYTES: Final = 64 * 1024


class KeptBody:
    """To be left when the request is over: what is kept of it is gone then."""

    def __init__(self, receive: Receive, left_out: bytes = b"") -> None:
        """`left_out` does not count in the digest, wherever it stands."""
        self._receive = receive
        self._file = SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - left by __exit__
        self._digest = Digest(left_out)
        self._size = 0
        self._given = 0
        self._is_given = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def digest(self) -> bytes:
        """Of all that was read."""
        return self._digest.value()

    async def read(self) -> None:
        """Raises HTTPException."""
        has_more = True
        while has_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise HTTPException(400, "the body did not come whole")
            piece = message.get("body", b"")
            has_more = message.get("more_body", False)
            self._digest.add(piece)
            self._size += len(piece)
            if self._size > _IN_MEMORY_BYTES:
                await asyncio.to_thread(self._file.write, piece)
            else:
                self._file.write(piece)
        self._file.seek(0)

    def if_short(self, most_bytes: int) -> bytes | None:
        """All of it, unless it is longer; before it is given away."""
        if self._size > most_bytes:
            return None
        content = self._file.read()
        self._file.seek(0)
        return content

    async def receive(self) -> Message:
        """What `read` has read, and then whatever follows it."""
        if self._is_given:
            return await self._receive()
        piece = await asyncio.to_thread(self._file.read, _PIECE_BYTES)
        self._given += len(piece)
        self._is_given = self._given == self._size
        return {"type": "http.request", "body": piece, "more_body": not self._is_given}


class Digest:
    """Of a text that comes in pieces, without each place where something certain stands in it."""

    def __init__(self, left_out: bytes) -> None:
        self._left_out = left_out
        self._hash = sha256()
        # The end of what has come, where what is left out may have begun.
        self._end = b""

    def add(self, piece: bytes) -> None:
        if not self._left_out:
            self._hash.update(piece)
            return
        *before, rest = (self._end + piece).split(self._left_out)
        for part in before:
            self._hash.update(part)
        whole = max(0, len(rest) - len(self._left_out) + 1)
        self._hash.update(rest[:whole])
        self._end = rest[whole:]

    def value(self) -> bytes:
        digest = self._hash.copy()
        digest.update(self._end)
        return digest.digest()
