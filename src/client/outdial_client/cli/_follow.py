"""Follows a batch to its end and shows what came of it."""

import asyncio
from collections import Counter

from outdial.v1.batch_pb2 import Batch, BatchCounts, BatchState
from outdial.v1.batch_service_pb2 import WatchScope

from outdial_client._client import Client
from outdial_client._errors import NotFoundError
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._screen import Output, Screen
from outdial_client.cli._views import choose_view
from outdial_client.cli._words import (
    batch_state,
    counts_by_state,
    disposition,
    scheduled_call_state,
)

# Up to here the rows are read to say how each call ended; beyond, states must do.
_MOST_ROWS_READ = 50_000
_PAGE_SIZE = 1000


async def follow(client: Client, screen: Screen, batch: Batch) -> ExitCode:
    """Shows a batch until it ends. Ctrl-C leaves it running and says how to look again."""
    try:
        state, counts = await _watch(client, screen, batch)
    except asyncio.CancelledError:
        say_how_to_look_again(screen, batch)
        raise
    await _show_outcome(client, screen, batch.batch_id, state, counts)
    completed = state == BatchState.BATCH_STATE_COMPLETED
    return ExitCode.OK if completed else ExitCode.BATCH_NOT_COMPLETED


def say_how_to_look_again(screen: Screen, batch: Batch) -> None:
    """After Ctrl-C."""
    screen.note("The batch goes on.")
    screen.note(f"  look again   outdial watch {batch.batch_id}")
    screen.note(f"  hold it      outdial batch pause {batch.batch_id}")
    screen.note(f"  end it       outdial batch cancel {batch.batch_id}")


async def _watch(
    client: Client, screen: Screen, batch: Batch
) -> tuple[BatchState.ValueType, BatchCounts]:
    view = choose_view(screen, batch)
    state, counts = batch.state, batch.counts
    watch = client.batches.watch(
        batch.batch_id,
        scope=WatchScope.WATCH_SCOPE_BATCH,
        min_interval=view.min_interval,
        on_interruption=view.interrupted,
    )
    with view.showing():
        async with watch:
            async for message in watch:
                state, counts = message.state, message.counts
                view.update(message)
    return state, counts


async def _show_outcome(
    client: Client,
    screen: Screen,
    batch_id: str,
    state: BatchState.ValueType,
    counts: BatchCounts,
) -> None:
    outcomes = await _outcomes(client, batch_id, counts)
    if screen.output is Output.JSON:
        fields = ("state", "disposition", "reason", "calls")
        objects = [dict(zip(fields, (*key, calls), strict=True)) for key, calls in outcomes]
        screen.json({"state": batch_state(state), "outcomes": objects})
        return
    screen.line("")
    screen.table(
        ("state", "how it ended", "reason", "calls", "share"),
        [(*key, str(calls), _share(calls, counts.total)) for key, calls in outcomes],
        title=f"Outcome: {batch_state(state)}, {counts.total} calls",
    )


Outcome = tuple[tuple[str, str, str], int]


async def _outcomes(client: Client, batch_id: str, counts: BatchCounts) -> list[Outcome]:
    by_state = [((name, "", ""), count) for name, count in counts_by_state(counts) if count]
    if counts.total > _MOST_ROWS_READ:
        return by_state
    tally: Counter[tuple[str, str, str]] = Counter()
    try:
        async for row in client.scheduled_calls.list(batch_id, page_size=_PAGE_SIZE):
            ending = disposition(row.disposition)
            reason = (
                "" if row.state_reason == ending.replace(" ", "_").upper() else row.state_reason
            )
            tally[scheduled_call_state(row.state), ending, reason] += 1
    except NotFoundError:
        # Deleted while it was watched: its rows are gone, its counts are not.
        return by_state
    return tally.most_common()


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
