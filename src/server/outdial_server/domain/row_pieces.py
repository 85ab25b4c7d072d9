"""Rows for a client, cut into pieces of which each is one message."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from outdial_server.domain.scheduled_call import ScheduledCall

T = TypeVar("T")

_PLAIN_ROW_CHARS: Final = 400


def pieces(items: Iterable[T], chars: Callable[[T], int], chars_max: int) -> Iterator[Sequence[T]]:
    """In order, each piece at most `chars_max` long or a single item."""
    piece: list[T] = []
    length = 0
    for item in items:
        item_chars = chars(item)
        if piece and length + item_chars > chars_max:
            yield piece
            piece, length = [], 0
        piece.append(item)
        length += item_chars
    if piece:
        yield piece


def row_chars(row: ScheduledCall) -> int:
    """About how long a row is as a message. Numbers in a context grow up to sixfold on the
    wire."""
    labels = sum(len(key) + len(value) for key, value in row.metadata.items())
    params = len(str(row.carrier_params)) if row.carrier_params else 0
    texts = len(row.template_context_json) + len(row.annotations_json)
    return _PLAIN_ROW_CHARS + texts + params + labels
