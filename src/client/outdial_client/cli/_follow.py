"""Follows a batch to its end and shows what came of it."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from outdial.v1.batch_pb2 import Batch, BatchCounts, BatchState
from outdial.v1.batch_service_pb2 import WatchScope

from outdial_client._client import Client
from outdial_client._errors import NotFoundError
from outdial_client.cli._choices import BATCH_STATES, DISPOSITIONS, SCHEDULED_CALL_STATES
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._screen import Screen
from outdial_client.cli._views import choose_view
from outdial_client.cli._words import calls_of, counts_by_state, own_reason

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
    screen.note(f"  look again   {screen.command('watch', batch.batch_id)}")
    screen.note(f"  why it waits {screen.command('explain', batch.batch_id)}")
    screen.note(f"  hold it      {screen.command('batch', 'pause', batch.batch_id)}")
    screen.note(f"  end it       {screen.command('batch', 'cancel', batch.batch_id)}")


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
    if screen.is_quiet and not screen.is_json:
        return
    outcomes = await _outcomes(client, batch_id, counts)
    if screen.is_json:
        objects = [_outcome_object(*outcome) for outcome in outcomes]
        screen.json({"state": BatchState.Name(state), "outcomes": objects})
        return
    rows = [
        (
            SCHEDULED_CALL_STATES.spoken(outcome.state),
            DISPOSITIONS.spoken(outcome.disposition),
            outcome.reason,
            str(calls),
            f"{calls / counts.total:.1%}",
        )
        for outcome, calls in outcomes
    ]
    screen.line("")
    title = f"Outcome: {BATCH_STATES.name(state)}, {calls_of(counts.total)}"
    screen.table(("state", "how it ended", "reason", "calls", "share"), rows, title=title)


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: int
    disposition: int = 0
    reason: str = ""


def _outcome_object(outcome: _Outcome, calls: int) -> dict[str, Any]:
    return {
        "state": SCHEDULED_CALL_STATES.full_name(outcome.state),
        "disposition": DISPOSITIONS.full_name(outcome.disposition),
        "reason": outcome.reason,
        "calls": calls,
    }


async def _outcomes(
    client: Client, batch_id: str, counts: BatchCounts
) -> list[tuple[_Outcome, int]]:
    by_state = [
        (_Outcome(SCHEDULED_CALL_STATES.parse(name)), count)
        for name, count in counts_by_state(counts)
        if count
    ]
    if counts.total > _MOST_ROWS_READ:
        return by_state
    tally: Counter[_Outcome] = Counter()
    try:
        async for row in client.scheduled_calls.list(batch_id, page_size=_PAGE_SIZE):
            tally[_Outcome(row.state, row.disposition, own_reason(row))] += 1
    except NotFoundError:
        # Deleted while it was watched: its rows are gone, its counts are not.
        return by_state
    return tally.most_common()
