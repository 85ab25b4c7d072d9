"""`outdial forecast`."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.forecast_pb2 import CountRange, Forecast, ForecastPoint, TimeRange

from outdial_client._client import Client
from outdial_client.cli._batch_options import BatchId
from outdial_client.cli._choices import BATCH_STATES, DISPOSITIONS, SCHEDULED_CALL_STATES
from outdial_client.cli._lengths import parse_length
from outdial_client.cli._plot import draw_plot
from outdial_client.cli._screen import Screen, to_json
from outdial_client.cli._session import run
from outdial_client.cli._words import moment, span

commands = typer.Typer()

_PLOT_WIDTH_MOST = 100
_PLOT_HEIGHT = 8
_PLOT_LABELS = 4


@commands.command()
def forecast(
    context: typer.Context,
    batch_id: BatchId,
    *,
    horizon: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_length, metavar="LENGTH", help="How far to look, 1m to 60d; 30d if unsaid."
        ),
    ] = None,
) -> None:
    """Say when a batch will end and what its calls will come to, with ranges."""

    async def command(client: Client, screen: Screen) -> None:
        told = await client.batches.forecast(batch_id, horizon=horizon)
        if screen.is_json:
            screen.json(to_json(told))
            return
        screen.line(_end_sentence(told))
        if not screen.is_quiet:
            _show(screen, told)

    run(context, command)


def _end_sentence(told: Forecast) -> str:
    ends, percent = told.end_time, told.range_percent
    if told.HasField("stuck_at"):
        return f"It does not end by itself: {told.stuck_at.sentence}"
    if not ends.HasField("point"):
        early = f" It may at {moment(ends.low)}." if ends.HasField("low") else ""
        return f"It does not end by {moment(told.horizon_time)}, as far as this looks.{early}"
    takes = span(_at(ends.point) - _at(told.at))
    return f"Ends {moment(ends.point)}, in {takes} ({percent} %: {_moments(ends)})."


def _show(screen: Screen, told: Forecast) -> None:
    if told.basis.assumes_start:
        screen.say(f"It is {BATCH_STATES.name(told.state)}; this is if it goes on at this moment.")
    if told.first_call_time.HasField("point"):
        screen.say(f"Next call {moment(told.first_call_time.point)}.")
    rows = [
        ("calls to come", told.calls),
        *((DISPOSITIONS.spoken(c.disposition), c.calls) for c in told.calls_by_disposition),
        *((f"people {SCHEDULED_CALL_STATES.spoken(p.state)}", p.people) for p in told.people),
        *((f"skipped as {s.reason}", s.people) for s in told.skips),
        ("people who still wait", told.waiting),
    ]
    headings = ("what", "expected", f"{told.range_percent} %")
    seen = [(name, str(found.point), _counts(found)) for name, found in rows if found.high]
    screen.table(headings, seen)
    limits = _limits(told.series)
    if limits:
        screen.table(("limit", "cap", "mean use", "most used"), limits)
    for line in _plot(told, min(screen.results.width, _PLOT_WIDTH_MOST)):
        screen.line(line)
    screen.say(_basis(told))


def _plot(told: Forecast, width: int) -> list[str]:
    series = _until_over(told.series)
    if not series:
        return []
    length = told.bucket.ToTimedelta()
    start, end = _at(series[0].start_time), _at(series[-1].start_time) + length
    marks = [start + (end - start) * n / _PLOT_LABELS for n in range(_PLOT_LABELS + 1)]
    form = "%H:%M:%S" if end - start < timedelta(days=1) else "%m-%d %H:%M"
    labels = [mark.astimezone().strftime(form) for mark in marks]
    lines = draw_plot([point.live for point in series], labels, width, _PLOT_HEIGHT)
    return ["", "Calls alive", *lines]


def _until_over(series: Sequence[ForecastPoint]) -> Sequence[ForecastPoint]:
    """Without the time after the last call of the slowest run."""
    last = max((place for place, p in enumerate(series) if p.live > 0), default=-1)
    return series[: last + 1]


def _limits(series: Iterable[ForecastPoint]) -> list[tuple[str, ...]]:
    """By how much each is used, while somebody waits."""
    uses: dict[str, list[tuple[float, float]]] = {}
    for point in series:
        for limit in point.limits:
            uses.setdefault(limit.gate, []).append((limit.used, limit.cap))
    return [
        (
            gate,
            f"{found[-1][1]:.0f}",
            _percent(sum(u / c for u, c in found) / len(found)),
            _percent(max(u / c for u, c in found)),
        )
        for gate, found in sorted(uses.items())
        if all(cap > 0 for _, cap in found)
    ]


def _percent(part: float) -> str:
    return f"{part:.1%}"


def _basis(told: Forecast) -> str:
    basis = told.basis
    others = f" {basis.other_batches} other batches are in it." if basis.other_batches else ""
    behind = f" and {basis.account_calls} of other agents" if basis.account_calls else ""
    source = (
        f"{basis.agent_calls} calls of its agent{behind}"
        if basis.agent_calls or basis.account_calls
        else "defaults: none of its agent's calls has ended yet"
    )
    unfinished = f", {told.unfinished_runs} of them unfinished" if told.unfinished_runs else ""
    return f"{told.runs} runs{unfinished}, from {source}.{others}"


def _counts(found: CountRange) -> str:
    return f"{found.low} to {found.high}"


def _moments(found: TimeRange) -> str:
    late = moment(found.high) if found.HasField("high") else "later than it looks"
    return f"{moment(found.low)} to {late}"


def _at(timestamp: Timestamp) -> datetime:
    at: datetime = timestamp.ToDatetime(tzinfo=UTC)
    return at
