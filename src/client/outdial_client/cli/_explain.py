"""`outdial explain`."""

from collections.abc import Iterable
from typing import Annotated

import typer
from outdial.v1.explanation_pb2 import (
    BatchExplanation,
    BoundedCount,
    Gate,
    ScheduledCallExplanation,
    Verdict,
)

from outdial_client._client import Client
from outdial_client.cli._choices import BATCH_STATES, GATE_LEVELS, SCHEDULED_CALL_STATES
from outdial_client.cli._completion import complete_batches
from outdial_client.cli._screen import Screen, to_json
from outdial_client.cli._session import run
from outdial_client.cli._words import moment

commands = typer.Typer()

_HEADINGS = ("gate", "of", "open", "figures", "until", "why not")
_BLOCKED_HEADINGS = ("rows", "gate", "reason", "earliest")


@commands.command()
def explain(
    context: typer.Context,
    batch_id: Annotated[
        str,
        typer.Argument(metavar="[BATCH]", autocompletion=complete_batches, help="The batch's id."),
    ] = "",
    *,
    call: Annotated[
        str, typer.Option(metavar="ROW", help="One person's row instead: the scheduled call's id.")
    ] = "",
) -> None:
    """Say why a batch or a person is dialled or not, and from when."""
    if bool(batch_id) == bool(call):
        raise typer.BadParameter("name a batch, or a person's row with --call")

    async def command(client: Client, screen: Screen) -> None:
        if call:
            _show_row(screen, await client.scheduled_calls.explain(call))
        else:
            _show_batch(screen, await client.batches.explain(batch_id))

    run(context, command)


def _show_batch(screen: Screen, told: BatchExplanation) -> None:
    if screen.is_json:
        screen.json(to_json(told))
        return
    _show_verdict(screen, told.verdict)
    screen.say(
        f"{BATCH_STATES.name(told.state)}: {told.waiting} waiting ({_count(told.due)} due, "
        f"{_count(told.put_off)} put off, {told.claimed} about to be sent), {told.live} alive; "
        f"the next claim takes {told.claimable}."
    )
    if told.HasField("next_due_at"):
        screen.say(f"The first of those put off is due at {moment(told.next_due_at)}.")
    if screen.is_quiet:
        return
    screen.table(_HEADINGS, [_cells(gate) for gate in told.gates])
    if told.blocked_rows:
        blocked = [
            (str(rows.rows), rows.gate, rows.reason, moment(rows.next_at))
            for rows in told.blocked_rows
        ]
        title = f"Of the first {told.rows_looked_at} who wait, blocked by"
        screen.table(_BLOCKED_HEADINGS, blocked, title)


def _show_row(screen: Screen, told: ScheduledCallExplanation) -> None:
    if screen.is_json:
        screen.json(to_json(told))
        return
    _show_verdict(screen, told.verdict)
    if told.HasField("lease_end_time"):
        screen.say(f"Not sent by {moment(told.lease_end_time)}, it waits again.")
    if screen.is_quiet or not told.gates:
        return
    state = SCHEDULED_CALL_STATES.name(told.state)
    screen.say(f"{state}: {_count(told.ahead)} of its batch come before it.")
    screen.table(_HEADINGS, [_cells(gate) for gate in told.gates])


def _show_verdict(screen: Screen, verdict: Verdict) -> None:
    screen.line(verdict.sentence)
    if verdict.HasField("next_at"):
        screen.say(f"Nothing stands in the way from {moment(verdict.next_at)} on.")


def _cells(gate: Gate) -> tuple[str, ...]:
    is_open = "no" if not gate.open else str(gate.budget) if gate.HasField("budget") else "yes"
    until = moment(gate.next_at) or gate.waits_for.replace("_", " ").lower()
    level = GATE_LEVELS.spoken(gate.level)
    return (gate.name, level, is_open, _figures(gate.figures.items()), until, gate.sentence)


def _figures(figures: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {figure}" for name, figure in sorted(figures))


def _count(count: BoundedCount) -> str:
    return f"more than {count.count}" if count.more else str(count.count)
