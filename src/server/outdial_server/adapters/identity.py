"""Ids, secrets and chance from the system's randomness."""

import secrets
import string
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from outdial_server.ports.clock import Clock

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_TAIL_BITS: Final = 74
_LOW_BITS: Final = 62
_LOW: Final = (1 << _LOW_BITS) - 1
_FIXED: Final = 7 << 76 | 0b10 << _LOW_BITS
"""The version and the variant, in their places."""
_DRAW_BITS: Final = 53
"""As many as a float tells apart."""
_SECRET_CHARS: Final = string.ascii_letters + string.digits


class UuidV7Ids:
    """Version 7 UUIDs (RFC 9562, method 2): the millisecond, then 74 random bits; within
    a millisecond, or while the clock stands behind, the random part grows by a random
    step, so that ids of one source always sort in the order they were given.

    Threads may share it: the writer's thread takes ids, too.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Millisecond and random part of the newest id, as one number that only grows.
        self._newest = 0

    def new_id(self) -> str:
        return self.new_ids(1)[0]

    def new_ids(self, count: int) -> Sequence[str]:
        steps = memoryview(secrets.token_bytes(4 * count)).cast("I")
        with self._lock:
            number = self._start()
            numbers = []
            for step in steps:
                number += step + 1
                numbers.append(number)
            self._newest = number
        return [_as_uuid(number) for number in numbers]

    def new_secret(self, chars: int) -> str:
        return "".join(secrets.choice(_SECRET_CHARS) for _ in range(chars))

    def draw(self) -> float:
        return secrets.randbits(_DRAW_BITS) / (1 << _DRAW_BITS)

    def _start(self) -> int:
        """The number to step from: a fresh one in a new millisecond. Its top random bit
        is 0, so that at least 2**41 steps fit before they run into the next millisecond,
        which they may: order and uniqueness stay."""
        millisecond = (self._clock.now() - _EPOCH) // _MILLISECOND
        if millisecond <= self._newest >> _TAIL_BITS:
            return self._newest
        return millisecond << _TAIL_BITS | secrets.randbits(_TAIL_BITS - 1)


def _as_uuid(number: int) -> str:
    millisecond = number >> _TAIL_BITS
    high = number >> _LOW_BITS & 0xFFF
    bits = millisecond << 80 | high << 64 | _FIXED | number & _LOW
    text = bits.to_bytes(16).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
