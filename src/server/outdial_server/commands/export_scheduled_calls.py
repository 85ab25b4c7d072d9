"""ExportScheduledCalls: the rows of a batch with what came of them."""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.domain.row_pieces import pieces, row_chars
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.ports.batches import ResultReader, ScheduledCallResult

ROWS_PER_READ_MAX: Final = 500
TALKS_PER_READ_MAX: Final = 25
"""With what was said in each call: up to 256 KiB of text a row."""
RESULT_CHARS_PER_PIECE_MAX: Final = 128 * 1024
"""A turn of the event loop is one piece made into a message: some 150 plain rows, or few
with long contexts."""
_CALL_CHARS: Final = 400


@dataclass(frozen=True, slots=True)
class ExportScheduledCalls:
    results: ResultReader

    async def execute(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        states: Collection[ScheduledCallState],
        from_position: int,
        *,
        with_conversations: bool = False,
    ) -> AsyncGenerator[Sequence[ScheduledCallResult], None]:
        """Pieces of the list, by position. A page is read when the one before was taken:
        memory holds one, however slow the reader is, and between two nothing of the
        database is held. Raises InvalidFieldsError, NotFoundError (BATCH_NOT_FOUND), also
        in the middle, for a batch that is deleted meanwhile."""
        if from_position < 0:
            raise invalid_field("from_position", "must not be negative")
        position: int | None = from_position
        most = TALKS_PER_READ_MAX if with_conversations else ROWS_PER_READ_MAX
        while position is not None:
            page = await self.results.export_scheduled_calls(
                account_id,
                batch_id,
                position,
                most,
                states,
                with_conversations=with_conversations,
            )
            position = page.next_position
            for piece in pieces(page.results, _chars, RESULT_CHARS_PER_PIECE_MAX):
                yield piece


def _chars(result: ScheduledCallResult) -> int:
    of_row, call = row_chars(result.scheduled_call), result.call
    if call is None:
        return of_row
    talk = 0 if call.conversation is None else call.conversation.text_bytes
    return of_row + _CALL_CHARS + talk
