"""ExportScheduledCalls reads on as it is read, and cuts what it read into messages."""

from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest

from outdial_server.commands.export_scheduled_calls import (
    RESULT_CHARS_PER_PIECE_MAX,
    ROWS_PER_READ_MAX,
    TALKS_PER_READ_MAX,
    ExportScheduledCalls,
)
from outdial_server.domain.conversation import Conversation, Speaker, Utterance
from outdial_server.domain.errors import InvalidFieldsError
from outdial_server.domain.ids import AccountId, BatchId, ScheduledCallId
from outdial_server.domain.row_pieces import row_chars
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)
from outdial_server.ports.batches import ResultPage, ScheduledCallResult
from support.clock import START
from support.domain import ACCOUNT, BATCH, a_shown_call

WAITING, FAILED = ScheduledCallState.WAITING, ScheduledCallState.FAILED


def a_row(position: int, context: str = "", state: ScheduledCallState = WAITING) -> ScheduledCall:
    return ScheduledCall(
        scheduled_call_id=ScheduledCallId(f"row-{position}"),
        batch_id=BATCH,
        position=position,
        address="+15551230001",
        normalized_address="+15551230001",
        custom_id="",
        time_zone="",
        priority=0,
        caller_id="",
        template_context_json=context,
        metadata={},
        state=state,
        state_reason="",
        dispatch_outcome=DispatchOutcome.NONE,
        dispatched_at=None,
        attempt_count=0,
        call_id=None,
        disposition=None,
        due_at=None,
        created_at=START,
        ended_at=None,
    )


@dataclass
class ListedRows:
    """A list of rows; a page looks through `limit` of them, however few fit."""

    rows: Sequence[ScheduledCall]
    reads: list[int] = field(default_factory=list)
    # What was said in the call of each, and how many rows were asked for at a time.
    said: Conversation | None = None
    limits: set[int] = field(default_factory=set)

    async def export_scheduled_calls(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        from_position: int,
        limit: int,
        states: Collection[ScheduledCallState] = (),
        *,
        with_conversations: bool = False,
    ) -> ResultPage:
        self.reads.append(from_position)
        self.limits.add(limit)
        end = from_position + limit
        found = [r for r in self.rows[from_position:end] if not states or r.state in states]
        call = a_shown_call(conversation=self.said) if with_conversations else None
        results = [ScheduledCallResult(row, call) for row in found]
        return ResultPage(results, end if end < len(self.rows) else None)


async def exported(
    listed: ListedRows,
    from_position: int = 0,
    states: Collection[ScheduledCallState] = (),
) -> list[list[int]]:
    pieces = ExportScheduledCalls(listed).execute(ACCOUNT, BATCH, states, from_position)
    return [[result.scheduled_call.position for result in piece] async for piece in pieces]


@pytest.mark.parametrize("count", [0, 1, ROWS_PER_READ_MAX, 2 * ROWS_PER_READ_MAX + 1])
async def test_every_row_comes_once_and_in_order(count: int) -> None:
    pieces = await exported(ListedRows([a_row(n) for n in range(count)]))
    assert [position for piece in pieces for position in piece] == list(range(count))
    assert all(pieces)


async def test_it_goes_on_where_it_is_told_to() -> None:
    pieces = await exported(ListedRows([a_row(n) for n in range(10)]), from_position=7)
    assert pieces == [[7, 8, 9]]


async def test_pages_without_a_row_that_fits_are_passed_over() -> None:
    rows = [a_row(n) for n in range(3 * ROWS_PER_READ_MAX)]
    rows[-1] = replace(rows[-1], state=FAILED)
    assert await exported(ListedRows(rows), states=[FAILED]) == [[len(rows) - 1]]


async def test_long_contexts_make_short_pieces() -> None:
    rows = [a_row(n, "x" * 60_000) for n in range(9)]
    pieces = await exported(ListedRows(rows))
    assert [len(piece) for piece in pieces] == [2, 2, 2, 2, 1]
    assert sum(map(row_chars, rows[:2])) <= RESULT_CHARS_PER_PIECE_MAX


async def test_with_what_was_said_few_rows_are_held_and_long_talks_make_short_pieces() -> None:
    said = Conversation(utterances=(Utterance(Speaker.AGENT, "x" * 10_000),) * 6)
    listed = ListedRows([a_row(n) for n in range(60)], said=said)
    export = ExportScheduledCalls(listed)
    pieces = [p async for p in export.execute(ACCOUNT, BATCH, (), 0, with_conversations=True)]
    assert [r.scheduled_call.position for piece in pieces for r in piece] == list(range(60))
    assert listed.limits == {TALKS_PER_READ_MAX}
    assert max(len(piece) for piece in pieces) == 2
    assert all(result.call is not None for piece in pieces for result in piece)


async def test_nothing_is_read_ahead_of_the_reader() -> None:
    listed = ListedRows([a_row(n) for n in range(5 * ROWS_PER_READ_MAX)])
    async with aclosing(ExportScheduledCalls(listed).execute(ACCOUNT, BATCH, (), 0)) as pieces:
        taken = 0
        async for piece in pieces:
            assert len(listed.reads) == taken // ROWS_PER_READ_MAX + 1
            taken += len(piece)
            if taken == 3 * ROWS_PER_READ_MAX:
                break
    assert listed.reads == [0, ROWS_PER_READ_MAX, 2 * ROWS_PER_READ_MAX]


async def test_a_negative_position_is_refused() -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        await exported(ListedRows([]), from_position=-1)
    assert refusal.value.violations[0].field == "from_position"
