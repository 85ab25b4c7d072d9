"""What comes of a request: an answer, or one of two errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ANSWER_MOST_BYTES: Final = 1024 * 1024
"""Of a longer body the beginning is kept, and the rest is not read."""


class NothingSentError(Exception):
    """Not a byte of the request has left."""


class AnswerLostError(Exception):
    """The request may have left, and no whole answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. The names in `headers` are in lower case, and of those that come twice the
    first counts; `body` is cut at `ANSWER_MOST_BYTES`."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300
